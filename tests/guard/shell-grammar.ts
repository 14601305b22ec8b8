// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of shell

import { interpreterNames } from '../../src/guard/interpreter/code.js'
import { hooks } from '../../src/guard/interpreter/programs/hooks.js'
import { wrappers } from '../../src/guard/interpreter/programs/wrappers.js'
import { rules } from '../../src/guard/rules/families.js'
import { hostile } from './hostile.js'

/** Commands made to keep the guard busy, the same ones for the same seed. */
export function shellTexts(seed: number): () => string {
  const pick = picker(seed)
  return () => makers[pick.below(makers.length)]?.(pick).slice(0, longest) ?? ''
}

/** Characters of a text. */
const longest = 2048

type Picker = { below(limit: number): number; one(from: readonly string[]): string }
type Maker = (pick: Picker) => string

/** mulberry32: small, and the same everywhere. */
function picker(seed: number): Picker {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, one: (from) => from[below(from.length)] ?? '' }
}

const examples = rules.flatMap((rule) => [...rule.caught, ...rule.passed])
const programs = [
  ...Object.keys(wrappers),
  ...Object.keys(hooks),
  ...interpreterNames,
  ...new Set(rules.flatMap((rule) => rule.programs).filter((name) => !name.includes('*'))),
  ...'find xargs parallel watch ssh docker kubectl sh bash eval source trap read mapfile printf set alias cd echo cat tee sed tr rev awk make tar su crontab at flock git tmux screen sqlite3 psql'.split(
    ' ',
  ),
]

const pieces = [
  ...'$( ` " \' ( ) { } {a,b} {1..9} {1..999999} ${x:-  ${x#*/ ${x//a/b} ${x:0:2} ${#x} ${!x} ${x[@]} [[ ]] (( )) $(( if then else fi for in do done while case esac ;; f() & && || | |& > >> < << <<- <<< <( >( 2>&1 ; ! * ** ? [a-z] !(a) +(a) @(a|b) *$( ?( ~ ~/ / // ../ . -- - -r -rf -exec -execdir -ok {} + \\; -c -e -s -i -n -o -I -0 --help --version $x $@ $* $1 $IFS $HOME "$x" x=1 x=$x$x a=$a$a; x+=y x=(1 2) x[1]=2 E EOF # \\ \\\\ \\n % %s %d = == =~ : :: , @ ^ 0 1 a b /dev/sda /etc/passwd http://h/x'.split(
    ' ',
  ),
  '\n',
  '\t',
  ' ',
  ' ',
  ' ',
  '\\\n',
  'rm -rf / ',
  'find / -exec ',
  'find . -name x -execdir ',
  'xargs -I {} ',
  'xargs sh -c ',
  'parallel ',
  'sh -c "',
  "sh <<'E'\n",
  'cat <<E\n',
  '\nE\n',
  'a=$a$a;',
  'eval "$a";',
  'f() { f; f; }; f;',
  'export x=$x$x;',
  'alias a="a a";',
  'for x in ',
  'read x y;',
  'set -- ',
  'cd /;',
  'echo x | base64 -d | sh;',
  'python3 -c \'os.system("',
  'awk \'BEGIN{system("',
  "sed 's/a/b/;",
  'psql -c "delete from ',
  'curl -d ',
  'docker run -v /:/a ',
  'printf "%s%s" ',
  'tar --checkpoint-action=exec=',
  'python3 -c "',
  "perl -e '",
  'unlink("/',
  "open('/etc/x','w",
  "Path('/etc/x').",
  'remove',
  'rmtree(path="',
  "os.walk('/');",
  'print > "/',
  '$(file >',
  '\\! ',
  '.shell ',
  '-o ProxyCommand=',
  'execute(',
  'x[$(',
  "echo 'alias a=b' >> ~/.bashrc;",
  'ExecStart=',
  'curl x | tar x;',
  './a.sh;',
  'git clone x;',
  'git -c alias.a=a a ',
  'find /usr -type f | while read x; do ',
  'env -S "',
  's/a/b/w /etc/x',
  '[a]=b ',
  'X=<(',
]

const makers: readonly Maker[] = [
  // One piece, again and again: what is quadratic shows here first.
  (pick) => repeated(pick.one(pieces)),
  (pick) => repeated(pick.one(examples)),
  (pick) => repeated(`${pick.one(examples)}; `),
  (pick) => repeated(`${pick.one(programs)} `),
  // A few pieces together, again and again.
  (pick) => repeated(some(pick, pieces, 4, '')),
  (pick) => repeated(some(pick, pieces, 6, ' ')),
  (pick) => repeated(`${pick.one(programs)} ${some(pick, pieces, 3, ' ')} `),
  // A beginning, and a repeated tail.
  (pick) => `${pick.one(examples)} ${repeated(pick.one(pieces))}`,
  (pick) => `${pick.one(programs)} ${repeated(`${pick.one(pieces)} `)}`,
  (pick) => `${pick.one(programs)} ${pick.one(pieces)}${repeated(some(pick, pieces, 2, ' '))}`,
  // Nested.
  (pick) => nested(pick, '$(', ')'),
  (pick) => nested(pick, '(', ')'),
  (pick) => nested(pick, '{ ', ';}'),
  (pick) => nested(pick, '"$(', ')"'),
  (pick) => nested(pick, `${'${x:-'}`, '}'),
  (pick) => nested(pick, '{a,', '}'),
  (pick) => nested(pick, `${pick.one(programs)} `, ''),
  (pick) => nested(pick, '<(', ')'),
  // Variables that hold variables, functions that call functions, here-documents in a row.
  (pick) => `x=${pick.one(examples)};${repeated(`x=$x${pick.one(pieces)}$x;`)}eval "$x"`,
  (pick) =>
    `x='${some(pick, pieces, 3, ' ')}';${'x="$x$x";'.repeat(pick.below(30))}${repeated(`${pick.one(programs)} $x;`)}`,
  (pick) =>
    `${Array.from({ length: 30 }, (_, at) => `f${at}() { f${at + 1}; f${at + 1}; };`).join('')}f${pick.below(30)} ${pick.one(pieces)}`,
  (pick) => repeated(`${pick.one(programs)} <<E\n${some(pick, pieces, 3, ' ')}\nE\n`),
  (pick) => `cat ${'<<E '.repeat(pick.below(200))}\n${repeated(`${pick.one(pieces)}\nE\n`)}`,
  (pick) =>
    `find ${repeated(`-exec ${pick.one(programs)} ${pick.one(pieces)} ${pick.one(['{}', ';', '+', '\\;', ''])} `)}`,
  (pick) =>
    `echo ${repeated(`${pick.one(pieces)} `)} | xargs ${pick.one(['', '-I {} ', '-n1 '])}${pick.one(programs)}`,
  (pick) => `echo {${repeated(`${pick.one(pieces)},`)}} {a,b}{c,d}`,
  // A soup of all.
  (pick) => some(pick, [...pieces, ...programs], 300, ' '),
  (pick) => some(pick, [...pieces, ...examples, ...programs], 80, pick.one([' ', '', ';', '|', '\n'])),
  (pick) => cut(pick, pick.one(Object.values(hostile).map((text) => text.slice(0, longest)))),
]

function repeated(piece: string): string {
  return piece === '' ? '' : piece.repeat(Math.ceil(longest / piece.length))
}

function some(pick: Picker, from: readonly string[], most: number, glue: string): string {
  return Array.from({ length: 1 + pick.below(most) }, () => pick.one(from)).join(glue)
}

function nested(pick: Picker, open: string, close: string): string {
  const inside = pick.one([...examples, ...pieces])
  const depth = 1 + pick.below(Math.floor(longest / (open.length + close.length + 1)))
  // Some that do not all end, of which each beginning may be looked at for an end.
  const closed = pick.below(3) === 0 ? pick.below(depth) : depth
  const whole = open.repeat(depth) + inside + close.repeat(closed)
  return pick.below(3) === 0 ? repeated(`${whole} `) : whole
}

/** With a stretch taken out and something else put in. */
function cut(pick: Picker, text: string): string {
  const at = pick.below(text.length)
  return text.slice(0, at) + pick.one(pieces) + text.slice(at + pick.below(9))
}
