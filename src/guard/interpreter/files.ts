import { type Budget, gathered } from './budget.js'
import { fileKey, programName } from './names.js'
import type { Field, Invocation } from './programs/invocation.js'
import { has, operands, valuesOf } from './programs/options.js'
import type { Scope, WrittenFile } from './scope.js'

/**
 * Remembers the files that a command writes, so that it is known what runs when one is run later. Returns what is left
 * of its output for the next command.
 */
export function readFiles(
  invocation: Invocation,
  output: string | undefined,
  ran: readonly Invocation[],
  scope: Scope,
  budget: Budget,
): string | undefined {
  let left = output
  for (const redirect of invocation.redirects) {
    if (!redirect.operator.includes('>') || redirect.operator === '>&') continue
    const before = redirect.operator.includes('>>') ? scope.file(fileKey(redirect.target.value)) : undefined
    const known = before === undefined || before.text !== undefined
    const text = output !== undefined && known && !redirect.aside ? (before?.text ?? '') + output : undefined
    const sources = gathered([...(before?.sources ?? []), ...ran, ...invocation.upstream], budget)
    scope.setFile(fileKey(redirect.target.value), { text, sources })
    if (!redirect.aside) left = ''
  }
  for (const target of writtenBy(invocation)) {
    const copied = copiedFrom(invocation, scope)
    scope.setFile(fileKey(target.value), {
      text: invocation.program === 'tee' ? invocation.input : copied?.text,
      program: copied?.program,
      sources: gathered([...(copied?.sources ?? [invocation]), ...invocation.upstream], budget),
    })
  }
  const unpacked = unpackedBy(invocation, scope)
  if (unpacked.length > 0) scope.setFile(UNPACKED, { text: undefined, sources: gathered(unpacked, budget) })
  return left
}

/** Represents the files that come out of an archive or a repository, whose names the text does not contain. */
export const UNPACKED = '\u0000unpacked'

/** Where the files of an archive come from, if it was fetched. */
function unpackedBy(invocation: Invocation, scope: Scope): readonly Invocation[] {
  const { program, args } = invocation
  if (program === 'git' && args.some((field) => field.value === 'clone')) return [invocation]
  if (!/^(?:tar|bsdtar|unzip|7z|cpio)$/.test(program) || has(invocation, 'l', 't', 'list')) return []
  const files = args.flatMap((field) => scope.file(fileKey(field.value))?.sources ?? [])
  return [...invocation.upstream, ...files]
}

/** Files that a program writes by itself, when that matters for what runs later. */
function writtenBy(invocation: Invocation): readonly Field[] {
  switch (invocation.program) {
    case 'tee':
      return operands(invocation)
    case 'curl': {
      if (has(invocation, 'O', 'remote-name')) return downloads(operands(invocation, 'H', 'o', 'd', 'X', 'u'))
      return valuesOf(invocation, 'o', 'output')
    }
    case 'aria2c':
    case 'axel': {
      const named = valuesOf(invocation, 'o', 'out', 'output')
      return named.length > 0 ? named : downloads(operands(invocation, 'd', 'x', 's', 'j', 'n'))
    }
    case 'wget': {
      const named = valuesOf(invocation, 'O', 'output-document')
      return named.length > 0 ? named : downloads(operands(invocation, 'P', 'o', 'U'))
    }
    case 'cp':
    case 'mv':
    case 'install':
    case 'ln':
      return operands(invocation, 'm', 'o', 'g', 't').slice(-1)
    default:
      return []
  }
}

function copiedFrom(invocation: Invocation, scope: Scope): WrittenFile | undefined {
  if (!['cp', 'mv', 'install', 'ln'].includes(invocation.program)) return undefined
  const from = operands(invocation, 'm', 'o', 'g', 't')[0]
  if (!from) return undefined
  const { value } = from
  return scope.file(fileKey(value)) ?? { text: undefined, sources: [], program: programName(value) }
}

function downloads(addresses: readonly Field[]): readonly Field[] {
  return addresses.map((field) => {
    const path = field.value.split(/[?#]/)[0] ?? ''
    return { ...field, value: path.slice(path.lastIndexOf('/') + 1) }
  })
}
