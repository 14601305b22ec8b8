import { describe, expect, test } from 'vitest'
import { answerer, rule } from './granting.js'

/** Ways in which others let more run than a rule named, against rules as people write them. */

const git = answerer({ commands: [rule('git * …')] })
const ls = answerer({ commands: [rule('ls'), rule('ls * …')] })
const logs = answerer({ commands: [rule('journalctl -u *')] })
/** The widest limits that a grant may have, so that nothing but the command rules refuses. */
const wide = answerer({
  commands: [rule('git * …'), rule('ls'), rule('ls * …'), rule('journalctl -u *'), rule('echo * …')],
  operators: ['|', '&&', '||', ';'],
  redirects: 'any',
})

test('what the rules name is allowed', () => {
  expect(
    ['git status', 'git log', 'git pull origin main', "git commit 'a message'"].map((text) => git(text)),
  ).toEqual(['allow', 'allow', 'allow', 'allow'])
  expect(['ls', 'ls src', 'ls  src   tests', "l's' src", '\\ls', 'ls src\n'].map((text) => ls(text))).toEqual(
    Array(6).fill('allow'),
  )
  expect(logs('journalctl -u nginx')).toBe('allow')
  expect(wide('git status && ls src | echo done; ls > out 2>&1')).toBe('allow')
})

describe('a narrow rule refuses', () => {
  const texts = [
    'ls; reboot',
    'ls\nreboot',
    'ls\r\nreboot',
    'ls & reboot',
    'ls &',
    'ls && reboot',
    'ls || reboot',
    'ls | sh',
    'ls |& sh',
    'ls $(reboot)',
    'ls `reboot`',
    'ls "$(reboot)"',
    'ls "`reboot`"',
    'ls <(reboot)',
    'ls >(reboot)',
    'ls $HOME',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is shell
    'ls ${x:-$(reboot)}',
    'ls "$x"',
    'ls $((1+1))',
    "ls $'\\x72'",
    'ls $"x"',
    "$'\\x72eboot'",
    'LD_PRELOAD=x ls',
    'A=b ls',
    'PATH=/tmp:$PATH ls',
    'PATH=. git status',
    'env ls',
    'env LD_PRELOAD=x ls',
    'busybox ls',
    'busybox reboot',
    'command ls',
    'exec ls',
    'nohup ls',
    'sudo ls',
    'xargs ls',
    'find . -exec ls {} \\;',
    'find . -delete',
    'sh -c ls',
    'bash -c "ls"',
    'eval ls',
    '. ls',
    'source ls',
    'ls {a,b}',
    'ls {1..9}',
    'ls *',
    'ls ?',
    'ls [ab]',
    'ls ~',
    'ls ~root',
    'ls a=~',
    'ls <<x\ny\nx',
    'ls <<<x',
    '{ ls; }',
    '(ls)',
    '! ls',
    'time ls',
    'if ls; then ls; fi',
    'for i in a; do ls; done',
    'while ls; do ls; done',
    'case a in a) ls ;; esac',
    'f() { ls; }; f',
    'function ls { reboot; }; ls',
    'coproc ls',
    '[[ a ]]',
    'ls # comment',
    'ls\\\n-la',
    "ls 'a\nb'",
    'ls "a\nb"',
    'ls \u0000',
    'ls \u0007',
    'ls \u202e',
    'ls\u00a0src',
    'ls\u2003src',
    '\u00a0ls',
    './ls',
    'bin/ls',
    '../ls',
    '/tmp/ls',
    '/bin/ls',
    '\\rm x',
    "r'm' x",
    '"rm" x',
    'r\\m x',
    "''",
    '',
    ' ',
    ';',
    'ls;;',
    'ls ;; ls',
    'ls |',
    '| ls',
    '&& ls',
    'ls &&',
    'ls -la',
    "ls '-la'",
    'ls --color=always',
    'ls /etc',
    'ls src/../../etc',
    "ls 'unclosed",
    'ls "unclosed',
    'ls \\',
    'alias ls=reboot\nls',
    'git -c alias.x=!reboot x',
    "git -c 'alias.x=!reboot' x",
    'git --exec-path=x status',
    'git -p log',
    'git config alias.x !reboot',
    "git config alias.x '!reboot'",
    'git config core.pager reboot',
    'git bisect run reboot',
    'git submodule foreach reboot',
    'git filter-branch x',
    'git clone --upload-pack=reboot x',
    'journalctl -u nginx; reboot',
    'journalctl -u nginx -u x',
    'journalctl -u -x',
    'journalctl -u /x',
    'journalctl -u',
    "journalctl -u 'a b' c",
    'journalctl --file=x -u nginx',
    'ls > out',
    'ls > /dev/null',
    'ls 2>&1',
    'ls < in',
    'ls >| out',
    'ls >& out',
    'ls &> out',
    'ls 10> out',
    'ls 3<> out',
    'ls {fd}> out',
  ]
  test.each(texts.map((text) => [text]))('%j', (text) => {
    for (const answer of [git, ls, logs])
      expect(answer(text)).toMatch(/is not allowed: r\[0\] comes nearest, but /)
  })

  const evenWide = texts.filter(
    (text) => !/^ls (?:[<>2|3]|&& $)|^ls >|10>/.test(text) && !['ls || reboot'].includes(text),
  )
  test.each(evenWide.map((text) => [text]))('%j where all operators and redirections are granted', (text) => {
    expect(wide(text)).toMatch(/is not allowed/)
  })

  test.each([
    'ls <<x\ny\nx',
    'ls <<<x',
    'ls >& out',
    'ls &> out',
    'ls 10> out',
    'ls {fd}> out',
    'ls < <(reboot)',
    'ls > $x',
    'ls >',
    'ls > *',
    'ls 2>&x',
    'ls | sh',
    'ls || reboot',
    'ls > a > b && reboot',
    "echo '* * * * * root reboot' > /etc/cron.d/x",
    'echo reboot | sh',
    'echo reboot | xargs env',
  ])('%j, even where any redirection is granted', (text) => {
    expect(wide(text)).toMatch(/is not allowed/)
  })
})

describe('a denied command names the word that was not read', () => {
  test.each([
    ['ls $(reboot) x', '“$(reboot)” expands'],
    ['A=b ls', '“A=b” sets a variable'],
    ['ls *.log', '“*.log” is a pattern'],
    ['ls && reboot', 'it does not allow the operator “&&”'],
    ['ls > out', 'it does not allow the redirection “>out”'],
    ['./ls', '“./ls” is a relative path of a program'],
    ['if ls; then ls; fi', '“if” is a word of the shell'],
    ['reboot', 'no rule of it is for the program “reboot”'],
    ['ls -la', 'does not take the word “-la”'],
    ['ls &', '“&” is no operator that is read'],
    [`ls ${'a'.repeat(5000)}`, 'begins a text of more than 4096 characters'],
  ])('%j', (text, says) => {
    expect(ls(text)).toContain(says)
  })
})
