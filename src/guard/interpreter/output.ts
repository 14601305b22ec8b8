import { codeOf } from './code.js'
import { formatted, fromBase32, fromBase64, fromHex, transliterate, unescaped } from './expansion/escapes.js'
import { normalPath } from './expansion/paths.js'
import { entryOf, fileKey } from './names.js'
import { type Field, HOME, type Invocation, isKnown, unmarked } from './programs/invocation.js'
import { has, operands, verbs } from './programs/options.js'
import type { Scope } from './scope.js'

/** A longer text is not worked out: a payload that long is a program, not a command in disguise. */
const longest = 200_000

/**
 * What a program writes, for the few whose output follows from the text: those that people and attackers use to
 * spell a command. Undefined for all others.
 */
export function knownOutput(invocation: Invocation, scope: Scope): string | undefined {
  const work = entryOf(producers, invocation.program)
  if (!work) return undefined
  const text = work(invocation, scope)
  return text !== undefined && text.length <= longest ? text : undefined
}

type Producer = (invocation: Invocation, scope: Scope) => string | undefined

const silent: Producer = () => ''

const producers: Record<string, Producer> = {
  echo(invocation) {
    const words = invocation.args.map((field) => field.value)
    const options = words.findIndex((word) => !/^-[neE]+$/.test(word))
    const flags = words.slice(0, options < 0 ? words.length : options).join('')
    const text = words.slice(options < 0 ? words.length : options).join(' ')
    // dash interprets octal escapes without -e.
    const spelled = flags.includes('e') || /\\0[0-7]/.test(text) ? unescaped(text) : text
    return flags.includes('n') ? spelled : `${spelled}\n`
  },
  printf(invocation) {
    const words = invocation.args.map((field) => field.value)
    const [format, ...values] = words[0] === '--' ? words.slice(1) : words
    return format === undefined || format === '-v' ? '' : formatted(format, values)
  },
  cat: (invocation, scope) => input(invocation, operands(invocation), scope),
  tac: (invocation, scope) =>
    input(invocation, operands(invocation), scope)?.split('\n').reverse().join('\n'),
  tee: (invocation) => invocation.input,
  rev: (invocation) =>
    invocation.input
      ?.split('\n')
      .map((line) => [...line].reverse().join(''))
      .join('\n'),
  tr(invocation) {
    const [from, to] = operands(invocation)
    if (invocation.input === undefined || !from) return undefined
    if (has(invocation, 'c', 'C', 's') || (!has(invocation, 'd', 'delete') && !to)) return undefined
    return transliterate(invocation.input, from.value, has(invocation, 'd', 'delete') ? undefined : to?.value)
  },
  sed(invocation) {
    const script = operands(invocation, 'e', 'expression', 'f', 'file')[0] ?? invocation.args.at(-1)
    const plain = /^s(.)([^\\^$.*[\]]+)\1([^\\&]*)\1g?$/.exec(script?.value ?? '')
    if (invocation.input === undefined || !plain?.[2]) return undefined
    return invocation.input.replaceAll(plain[2], () => plain[3] ?? '')
  },
  base64: decoder(fromBase64),
  basenc: decoder(fromBase64),
  base32: decoder(fromBase32),
  uudecode: () => undefined,
  ...Object.fromEntries(['python', 'perl', 'ruby', 'node', 'php', 'lua'].map((name) => [name, printed])),
  realpath: (invocation) => onePath(invocation, (path) => path),
  readlink: (invocation) =>
    has(invocation, 'f', 'e', 'm') ? onePath(invocation, (path) => path) : undefined,
  dirname: (invocation) =>
    onePath(invocation, (path) => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.')),
  basename: (invocation) =>
    operands(invocation).length === 1
      ? onePath(invocation, (path) => path.slice(path.lastIndexOf('/') + 1) || '/')
      : undefined,
  xxd: (invocation, scope) =>
    has(invocation, 'r', 'revert') ? decoded(invocation, scope, fromHex) : undefined,
  openssl(invocation, scope) {
    const [verb] = verbs(invocation)
    const plain = verb === 'base64' || (verb === 'enc' && has(invocation, 'base64', 'a'))
    return plain && has(invocation, 'd') ? decoded({ ...invocation, args: [] }, scope, fromBase64) : undefined
  },
  true: silent,
  false: silent,
  ':': silent,
  cd: silent,
  mkdir: silent,
  touch: silent,
  chmod: silent,
  sleep: silent,
  export: silent,
  set: silent,
  unset: silent,
  alias: silent,
  '': silent,
}

/** Code that only prints one plain text: `python3 -c "print('rm -rf /')"`. */
function printed(invocation: Invocation): string | undefined {
  const code = codeOf(invocation).trim()
  const found =
    /^(?:print|puts|echo|console\.log|process\.stdout\.write)\s*\(?\s*(?:"([^"\\$]*)"|'([^'\\]*)')\s*\)?;?$/.exec(
      code,
    )
  return found ? `${found[1] ?? found[2] ?? ''}\n` : undefined
}

/** What a program prints for the one path that it is given. */
function onePath(invocation: Invocation, change: (path: string) => string): string | undefined {
  const [path, more] = operands(invocation)
  if (!path || more || path.glob || !isKnown(path) || path.value.includes(HOME)) return undefined
  return `${change(normalPath(path.value))}\n`
}

function decoder(decode: (text: string) => string | undefined): Producer {
  return (invocation, scope) =>
    has(invocation, 'd', 'D', 'decode') ? decoded(invocation, scope, decode) : undefined
}

function decoded(
  invocation: Invocation,
  scope: Scope,
  decode: (text: string) => string | undefined,
): string | undefined {
  const text = input(invocation, operands(invocation, 'w', 'c', 's', 'l'), scope)
  const plain = text === undefined ? undefined : decode(text)
  return plain === undefined ? undefined : unmarked(plain)
}

/** What is read from the files, if the text wrote them, or else from the standard input. */
function input(invocation: Invocation, files: readonly Field[], scope: Scope): string | undefined {
  if (files.length === 0) return invocation.input
  const texts = files.map((file) => {
    if (file.value === '-' || file.value === '/dev/stdin') return invocation.input
    return file.content ?? scope.file(fileKey(file.value))?.text
  })
  return texts.every((text) => text !== undefined) ? texts.join('') : undefined
}
