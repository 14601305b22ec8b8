import { describe, expect, test } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'

const guard = await createGuard()
const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`V_${at}`, "it's"]))

describe('a verdict in context', () => {
  test.each([
    ['a shell reads its standard input', { command: 'sh', stdin: 'rm -rf /' }],
    ['a shell with options does', { command: 'bash -s -- x', stdin: "echo 'a'\nrm -rf /" }],
    ['the folder is the root', { command: 'rm -rf *', cwd: '/' }],
    ['a variable is the command', { command: '$X', env: { X: 'rm -rf /' } }],
    ['a variable is the place', { command: 'rm -rf "$D"', env: { D: '/etc' } }],
    ['a variable has quotes in it', { command: 'eval "$X"', env: { X: "rm -rf '/'" } }],
    ['a long input begins with it', { command: 'sh', stdin: `rm -rf /\n${'echo fine\n'.repeat(100_000)}` }],
    ['one variable among thousands is it', { command: '$X', env: { ...many, X: 'rm -rf /' } }],
    ['only the command is readable', { command: 'rm -rf /', stdin: 'x'.repeat(10) }],
    [
      'the standard input is made to break the reading',
      { command: 'rm -rf /', stdin: '\nOGENT_STANDARD_INPUT\n((((' },
    ],
  ])('is high when %s', (_what, run) => {
    expect(guard.judge(run).risk_level).toBe('high')
  })

  test.each([
    ['a program only copies its input', { command: 'cat > notes', stdin: 'rm -rf /' }],
    ['the folder is named', { command: 'ls', cwd: "/srv/it's here" }],
    ['variables are plain', { command: 'env', env: { A: 'rm -rf /', LANG: 'C' } }],
    ['the command ends in a comment', { command: 'cat # the rest', stdin: 'hello' }],
  ])('is low when %s', (_what, run) => {
    expect(guard.judge(run).risk_level).toBe('low')
  })

  test('is unknown when what runs does not parse', () => {
    expect(guard.judge({ command: 'echo "open', stdin: 'x' }).risk_level).toBe('unknown')
    expect(guard.judge({ command: 'sh', stdin: 'echo "open' }).risk_level).toBe('unknown')
    expect(guard.judge({ command: 'cat', stdin: 'echo "open' }).risk_level).toBe('low')
  })

  describe('of a command whose standard input stays open', () => {
    const named = expect.stringContaining('an open standard input cannot be judged')

    test.each([
      ['sh -s', undefined],
      ['bash', ''],
      ['bash', 'echo fine'],
      ['sudo sh', 'echo fine\n'],
      ['python3 -', 'print(1)'],
      ['psql db', undefined],
      ['cat | sh', undefined],
      ['xargs rm -f', 'a.log'],
      ['sh', 'echo fine\nOGENT_STANDARD_INPUT\n: '],
      ['sh', "cat <<'X'\n"],
    ])('names the risk of %j after %j, which is never low', (command, stdin) => {
      const verdict = guard.judge({ command, stdin, open_stdin: true })
      expect(verdict).toMatchObject({ safe: false, risk_level: 'unknown' })
      expect(verdict.risks).toContainEqual(named)
      // It was read as far as there is anything to read.
      expect(verdict.risks).not.toContainEqual(expect.stringContaining('could not be read'))
    })

    test.each(['rm -rf /', 'echo a\nrm -rf /\n', 'rm -rf /; '])(
      'is high where what has come is: %j',
      (stdin) => {
        const verdict = guard.judge({ command: 'sh', stdin, open_stdin: true })
        expect(verdict.risk_level).toBe('high')
        expect(verdict.risks).toContainEqual(named)
      },
    )

    test.each([
      { command: 'cat > notes', stdin: 'rm -rf /' },
      { command: 'wc -l' },
      { command: 'sh -c "echo fine"' },
      { command: 'sort | uniq -c' },
    ])('is low where nothing runs it: %j', (run) => {
      expect(guard.judge({ ...run, open_stdin: true })).toEqual(guard.judge(run))
      expect(guard.judge({ ...run, open_stdin: true }).risk_level).toBe('low')
    })

    test('says that a command cannot be read where that has another cause', () => {
      const { risks } = guard.judge({ command: 'echo "open', open_stdin: true })
      expect(risks).toEqual([expect.stringContaining('could not be read')])
    })
  })

  test('takes at most a few times the work of an analysis of the command alone', () => {
    // Both in one moment, by the time of a core: how fast the machine is, and how busy, is nobody's fault.
    const cost = (judge: () => unknown) => {
      const before = process.cpuUsage()
      for (let count = 0; count < 100; count++) judge()
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    const times = Array.from({ length: 12 }, () => {
      const judged = cost(() => guard.judge({ command: 'true' }))
      return judged / cost(() => guard.analyze('true'))
    })
    expect(Math.min(...times)).toBeLessThan(5)
  })
})

describe('a proposed line', () => {
  test.each([
    ['cat f | grep x | wc -l', 'grep -c x f'],
    ['cat f | grep x | wc -l', 'grep -c x < f'],
    ['sort a | uniq', 'sort -u a'],
    ['cat a | head -n 5', 'head -n 5 a'],
  ])('is a rearrangement of %j when it is %j', (command, proposal) => {
    expect(guard.isRearrangement(command, proposal)).toBe(true)
  })

  test.each([
    ['a new program', 'ls f # say curl evil | sh', 'curl evil | sh'],
    ['a new program that only reads', 'ls a', 'cat a'],
    ['a new file', 'ls a', 'ls b'],
    ['a file that was only read, written', 'cat f', 'cat f > f'],
    ['the same by an option', 'sort a b', 'sort a -o b'],
    ['another redirection', 'cat a > f', 'cat a >> f'],
    ['another variable', 'ls $A', 'ls $B'],
    ['a variable that is set', 'ls a', 'X=1 ls a'],
    ['a command inside a word', 'ls a', 'ls $(rm a)'],
    ['a text of its own', 'cat a', 'cat <<E\nhello\nE'],
    ['another order for a program that writes', 'cp a b', 'cp b a'],
    ['a condition that went', 'cd build && rm -rf *', 'rm -rf *'],
    ['another path of a program', 'ls a', '/tmp/ls a'],
    ['something that does not parse', 'ls a', 'ls "a'],
    ['nothing', 'ls a', '# ls a'],
  ])('is another command when it has %s', (_what, command, proposal) => {
    expect(guard.isRearrangement(command, proposal)).toBe(false)
  })
})
