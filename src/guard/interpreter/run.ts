import { interpreterNames } from './code.js'
import { readFiles, UNPACKED } from './files.js'
import { entryOf, programName, programsBehind, searched } from './names.js'
import { knownOutput } from './output.js'
import { builtins } from './programs/builtins.js'
import { carry, mayCarry } from './programs/carriers.js'
import { CUT, type Field, fieldOf, HOLE, HOME, type Invocation } from './programs/invocation.js'
import { loadsCode } from './programs/loaders.js'
import { operands } from './programs/options.js'
import { readPlanted } from './programs/planted.js'
import type { Context, Outcome, Session, Shape } from './programs/session.js'
import { shellNames } from './programs/shells.js'
import { elsewhere, unwrapped } from './programs/unwrap.js'
import type { KnownFunction, WrittenFile } from './scope.js'

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
    // A copy of a program does the same as the program, under any name.
    const copied = writtenAt(name.value, context)?.program
    if (copied !== undefined && copied !== '' && copied !== program) {
      const renamed = { ...context, via: [...context.via, program], depth: context.depth - 1 }
      return session.run([{ ...name, value: copied }, ...args], shape, renamed)
    }
    const inner = unwrapped(program, args)
    if (inner) {
      const own = args.slice(0, Math.max(0, args.length - inner.length))
      for (const word of own) {
        const [, variable = '', value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word.value) ?? []
        if (variable !== '' && loadsCode(variable, value))
          session.run([fieldOf('export'), word], shape, context)
      }
      // busybox and similar programs change whose code runs, not which user runs it.
      return session.run(inner, shape, {
        ...context,
        scope: elsewhere(program, own, context),
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
  const invocation = invocationOf(shape, context, {
    program: name ? programName(name.value) : '',
    path: name?.value ?? '',
    args,
    origin: originOf(name, args, written, context),
    recursive: false,
  })
  session.found.push(invocation)
  if (invocation.input?.includes(CUT) && runsQueries.test(invocation.program)) session.budget.leaveOut()
  const nested = runInside(invocation, written?.text, shape, context, session)
  const ran = nested && nested.ran.length > 0 ? [invocation, ...nested.ran] : [invocation]
  const output = nested ? nested.output : knownOutput(invocation, context.scope)
  readPlanted(invocation, output, context, session)
  return { ran, output: readFiles(invocation, output, ran, context.scope, session.budget) }
}

/** Programs whose input is their program, in a language that the rules read. */
const runsQueries =
  /^(?:psql|mysql|mariadb|sqlite3?|sqlplus|sqlcmd|redis-cli|mongo|mongosh|cqlsh|clickhouse(?:-client)?)$/

/** What a program runs; nothing is allocated for the many programs that run no other. */
function runInside(
  invocation: Invocation,
  text: string | undefined,
  shape: Shape,
  context: Context,
  session: Session,
): Outcome | undefined {
  const { program } = invocation
  const builtin = entryOf(builtins, program)
  if (text === undefined && builtin) return builtin({ invocation, shape, context, session })
  if (text === undefined && !mayCarry(program)) return undefined
  const inside = { ...context, depth: context.depth - 1, via: [...context.via, program] }
  return text === undefined
    ? carry({ invocation, shape, context: inside, session })
    : session.text(text, inside)
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
    const called = { program: name.value, path: name.value, args, origin: [], recursive: true }
    const again = invocationOf(shape, context, called)
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

/** A value as a word of a new text: marks are kept, quotes are escaped. */
function quoted(value: string): string {
  if (value.includes(HOLE) || value.includes(HOME) || /^[\w./:=@%+*?-]+$/.test(value)) return value
  return `'${value.replaceAll("'", "'\\''")}'`
}

type Own = Pick<Invocation, 'program' | 'path' | 'args' | 'origin' | 'recursive'>

/** Spelled out, since one is made for every command, and spreading so many fields is slow. */
function invocationOf(shape: Shape, context: Context, own: Own): Invocation {
  return {
    program: own.program,
    path: own.path,
    args: own.args,
    redirects: shape.redirects,
    part: shape.part,
    pipeline: context.pipeline,
    via: context.via,
    upstream: context.upstream,
    input: context.input,
    origin: own.origin,
    folders: context.scope.folders,
    background: context.background,
    piped: context.piped,
    recursive: own.recursive,
    contained: context.contained,
  }
}

/** Programs that run the file they are given. */
const runsFiles = new Set<string>([...shellNames, ...interpreterNames, 'source', '.', 'go'])

/** The commands whose output is in the file that runs: the program itself, or the script of a shell or an interpreter. */
function originOf(
  name: Field | undefined,
  args: readonly Field[],
  written: WrittenFile | undefined,
  context: Context,
): readonly Invocation[] {
  if (!name) return []
  const found = written ?? unpackedAt(name.value, context)
  const own = found ? [...name.sources, ...found.sources] : name.sources
  if (!runsFiles.has(programName(name.value)) || args.some((field) => /^-m/.test(field.value))) return own
  const words = operands({ args }, 'c', 'e', 'm')
  const script = words[0]?.value === 'run' ? words[1] : words[0]
  if (!script) return own
  const fromScript = (writtenAt(script.value, context) ?? unpackedAt(script.value, context))?.sources ?? []
  return [...own, ...(script.content === undefined ? script.sources : []), ...fromScript]
}

/** A file in a folder into which the text unpacked others, so it may be one of them. */
function unpackedAt(name: string, context: Context): WrittenFile | undefined {
  if (
    !context.scope.hasFiles() ||
    name.endsWith('/activate') ||
    !/^\.{0,2}[^-/$][^$]*\/|\.\w+$/.test(name) ||
    name.startsWith('/')
  )
    return undefined
  return context.scope.file(UNPACKED)
}

function writtenAt(name: string, context: Context): WrittenFile | undefined {
  if (!context.scope.hasFiles()) return undefined
  for (const path of searched(name)) {
    const file = context.scope.file(path)
    if (file) return file
  }
  return undefined
}
