import {
  type Assignment,
  type Command,
  forEachChild,
  type Pipeline,
  type Redirection,
  type SyntaxNode,
  type Word,
} from 'unbash'
import { gathered, maxAlternatives } from './budget.js'
import { alternativesOf, fieldsOf, valueOfParts, valuesOf } from './expansion/words.js'
import { fileKey } from './names.js'
import {
  BREAK,
  brief,
  type Field,
  fieldOf,
  HOLE,
  type Invocation,
  type Redirect,
} from './programs/invocation.js'
import { loadsCode } from './programs/loaders.js'
import { type Context, nothing, type Outcome, type Session, type Shape } from './programs/session.js'
import type { Value } from './scope.js'

const mostUpstream = 50

/** Variables whose text other programs run as a command; a lone name there is a preference of the user. */
const commandVariables =
  /^(?:(?:GIT_|MAN|SYSTEMD_)?PAGER|EDITOR|VISUAL|GIT_(?:EDITOR|SEQUENCE_EDITOR|SSH_COMMAND|EXTERNAL_DIFF|ASKPASS)|BROWSER|PROMPT_COMMAND|LESSOPEN|RSYNC_RSH|TAR_OPTIONS)$/

/** Reads the stages of a pipeline, each with the output of the one before it as its input. */
export function readPipeline(node: Pipeline, context: Context, session: Session): Outcome {
  const text = brief(context.source.slice(node.pos, Math.min(node.end, node.pos + 400)))
  const ran: Invocation[] = []
  let upstream = context.upstream
  let output = context.input
  const piped = node.commands.length > 1
  for (const [index, command] of node.commands.entries()) {
    if (session.budget.spent) break
    const outcome = session.node(command, {
      ...context,
      pipeline: piped ? text : context.pipeline,
      // Each stage is a subshell, except in a pipeline of one stage, as after `time`.
      scope: piped ? context.scope.child() : context.scope,
      upstream,
      input: index === 0 ? context.input : output,
      piped: context.piped || piped,
    })
    ran.push(...outcome.ran)
    // The stages so far are copied for each stage: a bound keeps a pipeline of thousands from taking long.
    if (upstream.length < mostUpstream) upstream = [...upstream, ...outcome.ran.slice(0, mostUpstream)]
    else session.budget.leaveOut()
    output = outcome.output
  }
  return { ran, output }
}

/** Reads a simple command: its assignments, words and redirections, then what they run. */
export function readSimple(node: Command, context: Context, session: Session): Outcome {
  const part = brief(context.source.slice(node.pos, Math.min(node.end, node.pos + 400)))
  const assigned: Outcome[] = []
  for (const entry of node.prefix) {
    if (session.budget.spent) break
    if (entry.type === 'Assignment') assigned.push(assign(entry, context, session, true))
  }
  const redirected = readRedirects(node.redirects, context, session)
  const { redirects } = redirected
  const before = assigned.flatMap((outcome) => outcome.ran)
  const inside = withInput(context, redirected)
  const args: Field[] = []
  for (const entry of node.suffix) {
    if (session.budget.spent) break
    if (entry.type === 'Word') {
      const fields = fieldsOf(entry, context, session)
      for (const field of fields) args.push(field)
    } else if (entry.type === 'Assignment') {
      // `export X=…`, `alias x=…`: only the first sets a variable, and both get it as a word.
      const [value] = valuesOfAssignment(entry, context, session)
      if (node.name?.value !== 'alias') assign(entry, context, session)
      args.push({
        ...fieldOf(`${entry.name}=${value?.text ?? ''}`, entry.text),
        sources: value?.sources ?? [],
      })
    }
  }
  const shape = { redirects, part }
  if (!node.name) {
    const outcome = redirects.length > 0 ? session.run([], shape, inside) : { ran: [], output: '' }
    return { ran: [...before, ...outcome.ran], output: outcome.output }
  }
  const owner = ownerOfName(node)
  if (owner !== undefined) return readMisplaced(owner, node.name, args, shape, inside, session)
  const names = alternativesOf(node.name, context, session)
  const outcomes = names.map((name) => session.run([...name, ...args], shape, inside))
  return {
    ran: [...before, ...outcomes.flatMap((outcome) => outcome.ran)],
    output: outcomes.length === 1 ? outcomes[0]?.output : undefined,
  }
}

/** `X=<(y) command`: the parser takes the value for the command's name. */
function ownerOfName(node: Command): string | undefined {
  const last = node.prefix.at(-1)
  const glued = last?.type === 'Assignment' && last.end === node.name?.pos && /^[<>]\(/.test(node.name.text)
  return glued ? last.name : undefined
}

function readMisplaced(
  owner: string,
  value: Word,
  args: readonly Field[],
  shape: Shape,
  context: Context,
  session: Session,
): Outcome {
  // A shell runs the file named here before anything else: `BASH_ENV=<(echo x) bash`.
  for (const { content } of fieldsOf(value, context, session)) {
    if (!/^(?:BASH_)?ENV$/.test(owner)) continue
    session.run([fieldOf('export'), fieldOf(`${owner}=${HOLE}`, owner)], shape, context)
    if (content !== undefined) session.guess(content, { ...context, depth: context.depth - 1 })
  }
  return session.run(args, shape, context)
}

/** The redirections of a command, and the input that they give it. */
export interface Redirected {
  readonly redirects: readonly Redirect[]
  /** The text that a here-document, a here-string or a file that the text writes gives as input. */
  readonly input: string | undefined
  /** The commands whose output is in that input. */
  readonly sources: readonly Invocation[]
}

export function readRedirects(nodes: readonly Redirection[], context: Context, session: Session): Redirected {
  const redirects: Redirect[] = []
  let input: Value | undefined
  for (const node of nodes) {
    if (node.type === 'HereDoc') {
      const known: Value = { text: node.body.text, sources: [] }
      const value = node.body.parts ? valueOfParts(node.body.parts, context, session) : known
      input = { ...value, text: node.operator === '<<-' ? value.text.replace(/^\t+/gm, '') : value.text }
      continue
    }
    if (!node.target) continue
    if (node.type === 'HereString') {
      const value = valuesOf(node.target, context, session)[0]
      input = { text: `${value?.text ?? ''}\n`, sources: value?.sources ?? [] }
      continue
    }
    const usual = node.operator.startsWith('<') ? 0 : 1
    const aside =
      node.descriptor !== undefined &&
      !(node.descriptor.type === 'FileDescriptor' && node.descriptor.value === usual)
    for (const target of fieldsOf(node.target, context, session)) {
      redirects.push({ operator: node.operator, target, aside })
      if (node.operator !== '<' || aside) continue
      const file = context.scope.file(fileKey(target.value))
      const sources = [...target.sources, ...(file?.sources ?? [])]
      input = { text: target.content ?? file?.text ?? HOLE, sources }
    }
  }
  // A file with unknown content gives no text; a here-document with an unknown stretch gives the rest of it.
  return { redirects, input: input?.text === HOLE ? undefined : input?.text, sources: input?.sources ?? [] }
}

/** The context of a command with redirections: its input, and where that comes from. */
export function withInput(context: Context, { input, sources }: Redirected): Context {
  if (input === undefined && sources.length === 0) return context
  return { ...context, input, upstream: [...context.upstream, ...sources].slice(0, mostUpstream) }
}

/** Reads what runs inside a node that itself runs nothing: the words of tests, arithmetic and cases. */
export function readWordsOf(node: SyntaxNode, context: Context, session: Session): void {
  const visit = (child: SyntaxNode, depth: number): void => {
    if (depth <= 0 || !session.budget.take('nodes')) {
      session.budget.leaveOut()
      return
    }
    switch (child.type) {
      case 'Word':
        fieldsOf(child, context, session)
        break
      case 'ArithmeticExpansion':
      case 'CommandExpansion':
        if (!session.budget.take('reparsed', child.text.length)) return
        forEachChild(child, (below) => visit(below, depth - 1))
        break
      case 'ArithmeticCommandExpansion':
        if (session.budget.take('reparsed', child.text.length) && child.script)
          session.script(child.script, context)
        break
      // The commands in these are walked elsewhere.
      case 'CompoundList':
      case 'Statement':
        break
      case 'Script':
        session.script(child, context)
        break
      default:
        forEachChild(child, (below) => visit(below, depth - 1))
    }
  }
  forEachChild(node, (child) => visit(child, context.depth))
}

function assign(node: Assignment, context: Context, session: Session, prefix = false): Outcome {
  if (!session.budget.take('nodes')) return { ran: [], output: '' }
  // The shell evaluates a subscript before it sets anything.
  if (node.index) fieldsOf(node.index, context, session)
  let values = valuesOfAssignment(node, context, session)
  if (node.append) {
    const before = context.scope.variable(node.name) ?? [{ text: '', sources: [] }]
    const between = node.value.type === 'ArrayValue' ? BREAK : ''
    values = before.flatMap((old) =>
      values.map((value) => ({
        text: old.text === '' ? value.text : old.text + between + value.text,
        sources: gathered([...old.sources, ...value.sources], session.budget),
      })),
    )
  }
  const bounded = values.slice(0, maxAlternatives)
  const length = bounded.reduce((sum, value) => sum + value.text.length, 0)
  if (session.budget.take('expanded', length)) context.scope.assign(node.name, bounded, context.certain)
  // `export X=…` is a command by itself, so the rule sees it.
  const loading = prefix && bounded.find((value) => loadsCode(node.name, value.text))
  if (loading) {
    // Reported as a command, for which there is a rule of its own.
    const words = [fieldOf('export'), { ...fieldOf(`${node.name}=${loading.text}`, node.text), sources: [] }]
    session.run(words, { redirects: [], part: brief(node.text) }, context)
  }
  if (!commandVariables.test(node.name)) return { ran: [], output: '' }
  const inside = { ...context, via: [...context.via, node.name], depth: context.depth - 1 }
  const outcomes = bounded.map((value) =>
    /\s/.test(value.text) ? session.guess(value.text, inside) : nothing,
  )
  return { ran: outcomes.flatMap((outcome) => outcome.ran), output: '' }
}

function valuesOfAssignment(node: Assignment, context: Context, session: Session): readonly Value[] {
  if (node.value.type !== 'ArrayValue') return valuesOf(node.value, context, session)
  const fields = node.value.elements
    .flatMap((word) => fieldsOf(word, context, session))
    // `[key]=value`: which key is read later is not worked out.
    .map((field) => ({ ...field, value: field.value.replace(/^\[[^\]]*\]=/, '') }))
  return [
    {
      text: fields.map((field) => field.value).join(BREAK),
      sources: gathered(
        fields.flatMap((field) => field.sources),
        session.budget,
      ),
    },
  ]
}
