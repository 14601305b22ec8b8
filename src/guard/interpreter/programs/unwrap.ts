import { joinPath } from '../expansion/paths.js'
import { entryOf } from '../names.js'
import { type Field, fieldOf } from './invocation.js'
import { valuesOf } from './options.js'
import type { Context } from './session.js'
import { wrappers } from './wrappers.js'

/** Options with which a wrapper runs nothing. */
const asksOnly: Readonly<Record<string, RegExp>> = {
  command: /^-[a-zA-Z]*[vV]/,
  sudo: /^-[a-zA-Z]*[le]|^--(?:list|edit)$/,
}

/** Options with which a wrapper starts its command in another folder. */
const folderOptions: Readonly<Record<string, readonly string[]>> = {
  env: ['C', 'chdir'],
  sudo: ['D', 'chdir'],
  run0: ['D', 'chdir'],
  bwrap: ['chdir'],
  'systemd-run': ['working-directory'],
}

/** The scope in which a wrapper starts its command: the same one, or one in another folder. */
export function elsewhere(program: string, own: readonly Field[], context: Context): Context['scope'] {
  const names = entryOf(folderOptions, program)
  const folder = names && valuesOf({ args: own }, ...names)[0]
  if (!folder) return context.scope
  const scope = context.scope.child()
  scope.folders = [...new Set(scope.folders.map((before) => joinPath(before, folder.value)))]
  return scope
}

/** The command line inside a wrapper's, or undefined when there is none: `command -v rm` only looks it up. */
export function unwrapped(program: string, args: readonly Field[]): readonly Field[] | undefined {
  const wrapper = entryOf(wrappers, program)
  if (!wrapper) return undefined
  let own = wrapper.operands ?? 0
  let verbs = 0
  for (let at = 0; at < args.length; at++) {
    const value = args[at]?.value ?? ''
    if (value === '--' || (value === '-' && program === 'env')) continue
    if (value.startsWith('-') && value !== '-') {
      if (entryOf(asksOnly, program)?.test(value)) return undefined
      if (program === 'env' && /^-[a-zA-Z]*S$|^--split-string$/.test(value)) return split(args.slice(at + 1))
      const glued = program === 'env' ? /^(?:-[a-zA-Z]*S|--split-string=)(.+)$/s.exec(value)?.[1] : undefined
      if (glued !== undefined) return split([fieldOf(glued, value), ...args.slice(at + 1)])
      // The last option of a cluster may be the one: `sudo -iu root`.
      const last = /^-[A-Za-z]{2,5}$/.test(value) ? value.slice(-1) : undefined
      const takes = (option: string) => value === `-${option}` || value === `--${option}` || option === last
      if (wrapper.taking?.some(takes)) at++
      continue
    }
    if (wrapper.assignments && /^[A-Za-z_]\w*\+?=/.test(value)) continue
    const verb = wrapper.verbs?.[verbs]
    if (verb !== undefined) {
      if (value !== verb) return undefined
      verbs++
      continue
    }
    if (own-- > 0) continue
    return args.slice(at)
  }
  return undefined
}

/** `env -S 'rm -rf'`: one word that is split at blanks. */
function split(args: readonly Field[]): readonly Field[] {
  const [first, ...rest] = args
  if (!first) return []
  const words = first.value.split(/\s+/).filter((word) => word !== '')
  while (/^\w+=/.test(words[0] ?? '')) words.shift()
  return [...words.map((value) => ({ ...first, value })), ...rest]
}
