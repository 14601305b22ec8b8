import type { Call } from '../call.js'
import { formatted } from '../expansion/escapes.js'
import { joinPath } from '../expansion/paths.js'
import { fileKey } from '../names.js'
import type { Value } from '../scope.js'
import { BREAK, type Field, HOLE, HOME } from './invocation.js'
import { operands } from './options.js'
import type { Outcome } from './session.js'
import { outputsOf } from './upstream.js'

type Builtin = (call: Call) => Outcome | undefined

/** The shell's own commands that change what later commands mean, or that run text. */
export const builtins: Record<string, Builtin> = {
  cd: changeFolder,
  pushd: changeFolder,
  popd: ({ context }) => forget(() => (context.scope.folders = [undefined])),
  alias: ({ invocation, context }) =>
    forget(() => {
      for (const [name, text] of pairs(invocation.args)) context.scope.setAlias(name, text)
    }),
  unset: ({ invocation, context }) =>
    forget(() => {
      for (const name of operands(invocation))
        context.scope.assign(name.value, [{ text: '', sources: [] }], context.certain)
    }),
  set({ invocation, context }) {
    const end = invocation.args.findIndex((field) => field.value === '--')
    if (end >= 0) context.scope.positional = invocation.args.slice(end + 1).map(toValue)
    return undefined
  },
  shift: ({ invocation, context }) =>
    forget(() => {
      const count = Number(invocation.args[0]?.value ?? 1)
      context.scope.positional = context.scope.positional.slice(Number.isInteger(count) ? count : 1)
    }),
  read: readLine,
  mapfile: readLines,
  readarray: readLines,
  printf({ invocation, context }) {
    const [option, name, format, ...values] = invocation.args
    if (option?.value !== '-v' || !name || !format) return undefined
    const text = formatted(
      format.value,
      values.map((value) => value.value),
    )
    context.scope.assign(name.value, [{ text, sources: [] }], context.certain)
    return undefined
  },
  eval({ invocation, context, session }) {
    const words = invocation.args.map((field) => field.value)
    const text = (words[0] === '--' ? words.slice(1) : words).join(' ')
    return session.text(text, { ...context, via: [...context.via, 'eval'], depth: context.depth - 1 })
  },
  source: sourceFile,
  '.': sourceFile,
  trap({ invocation, context, session }) {
    const [first] = operands(invocation)
    if (!first || invocation.args.length < 2) return undefined
    return session.text(first.value, { ...context, via: [...context.via, 'trap'], depth: context.depth - 1 })
  },
}

function sourceFile({ invocation, context, session }: Call): Outcome | undefined {
  const [file] = operands(invocation)
  const text = file?.content ?? (file ? context.scope.file(fileKey(file.value))?.text : undefined)
  const own = file && /^\/dev\/(?:stdin|fd\/0)$/.test(file.value) ? context.input : undefined
  const script = text ?? own
  if (script === undefined) return undefined
  return session.text(script, { ...context, via: [...context.via, 'source'], depth: context.depth - 1 })
}

function changeFolder({ invocation, context }: Call): undefined {
  const [folder] = operands(invocation)
  const { scope } = context
  if (!folder) scope.folders = invocation.program === 'cd' ? [HOME] : [undefined]
  else if (folder.value.includes(HOLE) || folder.value === '-') scope.folders = [undefined]
  else scope.folders = [...new Set(scope.folders.map((before) => joinPath(before, folder.value)))]
}

function readLine({ invocation, context, session }: Call): undefined {
  const names = operands(invocation, 'd', 'i', 'n', 'N', 'p', 't', 'u')
  // A single name gets the whole line.
  const lines = outputsOf(invocation, session.budget, names.length === 1 ? /[\n\0]+/ : undefined)
  const { upstream } = invocation
  const values: readonly Value[] =
    lines.length > 0
      ? lines.map((line) => ({ text: line.value, sources: upstream, glob: line.glob }))
      : [{ text: HOLE, sources: upstream }]
  for (const name of names) context.scope.assign(name.value, values, context.certain)
}

/** Each line is an element; a loop over them may yield any. */
function readLines({ invocation, context, session }: Call): undefined {
  const name = operands(invocation, 'd', 'n', 'O', 's', 'u', 'C', 'c')[0]?.value ?? 'MAPFILE'
  const lines = outputsOf(invocation, session.budget, /[\n\0]+/)
  const values = lines.length > 0 ? [{ text: lines.map((line) => line.value).join(BREAK), sources: [] }] : []
  const unknown = [{ text: HOLE, sources: invocation.upstream }]
  context.scope.assign(name, values.length > 0 ? values : unknown, context.certain)
}

function pairs(args: readonly Field[]): readonly (readonly [string, string])[] {
  return args.flatMap((field) => {
    const cut = field.value.indexOf('=')
    return cut > 0 ? [[field.value.slice(0, cut), field.value.slice(cut + 1)] as const] : []
  })
}

function toValue(field: Field): Value {
  return { text: field.value, sources: field.sources }
}

function forget(work: () => void): undefined {
  work()
}
