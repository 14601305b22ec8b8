import { builtins } from './builtins.js'
import { carry } from './carriers.js'
import { interpreterNames } from './code.js'
import { readFiles } from './files.js'
import { type Field, fieldOf, HOLE, HOME, type Invocation } from './invocation.js'
import { programName, programsBehind, searched } from './names.js'
import { operands } from './options.js'
import { knownOutput } from './output.js'
import type { KnownFunction } from './scope.js'
import type { Context, Outcome, Session, Shape } from './session.js'
import { shellNames } from './shells.js'
import { wrappers } from './wrappers.js'

const unread: Outcome = { ran: [], output: undefined }

/** Reads one expanded command line: through functions, aliases and wrappers to the program that runs in the end. */
export function runFields(
  fields: readonly Field[],
  shape: Shape,
  context: Context,
  session: Session,
): Outcome {
  if (
    context.depth <= 0 ||
    !session.budget.take('invocations') ||
    !session.budget.take('handed', fields.length)
  ) {
    session.budget.leaveOut()
    return unread
  }
  const [name, ...args] = fields
  if (name) {
    const known = context.scope.fn(name.value)
    if (known) return callFunction(known, name, args, shape, context, session)
    const alias = context.scope.alias(name.value)
    if (alias !== undefined && name.text === name.value && !context.calls.includes(`alias ${name.value}`)) {
      return runAlias(alias, name, args, context, session)
    }
    const behind = name.glob ? programsBehind(name.value) : []
    if (behind.length > 0) {
      const outcomes = behind.map((value) =>
        session.run([{ ...name, value, glob: false }, ...args], shape, {
          ...context,
          depth: context.depth - 1,
        }),
      )
      return { ran: outcomes.flatMap((outcome) => outcome.ran), output: undefined }
    }
    const program = programName(name.value)
    const inner = unwrapped(program, args)
    if (inner) {
      // busybox and its like are no change of who runs it, only of whose code.
      return session.run(inner, shape, {
        ...context,
        via: [...context.via, program],
        depth: context.depth - 1,
      })
    }
  }
  return runProgram(name, args, shape, context, session)
}

function runProgram(
  name: Field | undefined,
  args: readonly Field[],
  shape: Shape,
  context: Context,
  session: Session,
): Outcome {
  const written = name ? writtenAt(name.value, context) : undefined
  const invocation: Invocation = {
    ...bare(shape, context),
    program: name ? programName(name.value) : '',
    path: name?.value ?? '',
    args,
    origin: originOf(name, args, context),
    recursive: false,
  }
  session.found.push(invocation)
  const inside = { ...context, depth: context.depth - 1, via: [...context.via, invocation.program] }
  const call = { invocation, shape, context: inside, session }
  const nested =
    written?.text !== undefined
      ? session.text(written.text, inside)
      : (builtins[invocation.program]?.({ ...call, context }) ?? carry(call))
  const ran = [invocation, ...(nested?.ran ?? [])]
  const output = nested ? nested.output : knownOutput(invocation, context.scope)
  return { ran, output: readFiles(invocation, output, ran, context.scope, session.budget) }
}

/** Options with which a wrapper runs nothing. */
const asksOnly: Readonly<Record<string, RegExp>> = {
  command: /^-[a-zA-Z]*[vV]/,
  sudo: /^-[a-zA-Z]*[le]|^--(?:list|edit)$/,
}

/** The command line inside a wrapper's, or undefined where there is none: `command -v rm` only asks. */
function unwrapped(program: string, args: readonly Field[]): readonly Field[] | undefined {
  const wrapper = wrappers[program]
  if (!wrapper) return undefined
  let own = wrapper.operands ?? 0
  let verbs = 0
  for (let at = 0; at < args.length; at++) {
    const value = args[at]?.value ?? ''
    if (value === '--') continue
    if (value.startsWith('-') && value !== '-') {
      if (asksOnly[program]?.test(value)) return undefined
      if (program === 'env' && /^-[a-zA-Z]*S$|^--split-string$/.test(value)) return split(args.slice(at + 1))
      const glued = program === 'env' ? /^(?:-[a-zA-Z]*S|--split-string=)(.+)$/s.exec(value)?.[1] : undefined
      if (glued !== undefined) return split([fieldOf(glued, value), ...args.slice(at + 1)])
      // The last of a cluster may be the one: `sudo -iu root`.
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

/** `env -S 'rm -rf'`: one word that is cut at blanks. */
function split(args: readonly Field[]): readonly Field[] {
  const [first, ...rest] = args
  if (!first) return []
  const words = first.value.split(/\s+/).filter((word) => word !== '')
  return [...words.map((value) => ({ ...first, value })), ...rest]
}

function callFunction(
  known: KnownFunction,
  name: Field,
  args: readonly Field[],
  shape: Shape,
  context: Context,
  session: Session,
): Outcome {
  known.called = true
  if (context.calls.includes(name.value)) {
    const again: Invocation = {
      ...bare(shape, context),
      program: name.value,
      path: name.value,
      args,
      recursive: true,
    }
    session.found.push(again)
    return { ran: [again], output: undefined }
  }
  const { scope } = context
  const before = scope.positional
  scope.positional = args.map((field) => ({ text: field.value, sources: field.sources }))
  const outcome = session.node(known.node.body, {
    ...context,
    source: known.source,
    calls: [...context.calls, name.value],
    depth: context.depth - 1,
  })
  scope.positional = before
  return outcome
}

function runAlias(
  alias: string,
  name: Field,
  args: readonly Field[],
  context: Context,
  session: Session,
): Outcome {
  const line = [alias, ...args.map((field) => quoted(field.value))].join(' ')
  return session.text(line, {
    ...context,
    calls: [...context.calls, `alias ${name.value}`],
    via: [...context.via, `alias ${name.value}`],
    depth: context.depth - 1,
  })
}

/** A value as a word of a new text: marks stay as they are, quotes are made safe. */
function quoted(value: string): string {
  if (value.includes(HOLE) || value.includes(HOME) || /^[\w./:=@%+*?-]+$/.test(value)) return value
  return `'${value.replaceAll("'", "'\\''")}'`
}

function bare(shape: Shape, context: Context): Omit<Invocation, 'program' | 'path' | 'args' | 'recursive'> {
  return {
    redirects: shape.redirects,
    part: shape.part,
    pipeline: context.pipeline,
    via: context.via,
    upstream: context.upstream,
    input: context.input,
    origin: [],
    folders: context.scope.folders,
    background: context.background,
    piped: context.piped,
    contained: context.contained,
  }
}

/** Programs that run the file they are given. */
const runsFiles = new Set<string>([...shellNames, ...interpreterNames, 'source', '.'])

/** Whose output is in the file that runs: the program itself, or the script given to a shell or an interpreter. */
function originOf(name: Field | undefined, args: readonly Field[], context: Context): readonly Invocation[] {
  if (!name) return []
  const fileSources = (field: Field) => writtenAt(field.value, context)?.sources ?? []
  const script = runsFiles.has(programName(name.value)) ? operands({ args }, 'c', 'e', 'm')[0] : undefined
  return [
    ...name.sources,
    ...fileSources(name),
    ...(script ? [...(script.content === undefined ? script.sources : []), ...fileSources(script)] : []),
  ]
}

function writtenAt(name: string, context: Context) {
  for (const path of searched(name)) {
    const file = context.scope.file(path)
    if (file) return file
  }
  return undefined
}
