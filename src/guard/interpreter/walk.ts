import { type ParsedScript, parse, type SyntaxNode } from 'unbash'
import { type Bounds, type Budget, createBudget, maxAlternatives, maxDepth } from './budget.js'
import { readPipeline, readRedirects, readSimple, readWordsOf, withInput } from './command.js'
import { fieldsOf } from './expansion/words.js'
import { isTooMuch, legible } from './legible.js'
import { BREAK, brief, CUT, HOLE, HOME, hasMarks, type Invocation } from './programs/invocation.js'
import { type Context, nothing, type Outcome, type Session } from './programs/session.js'
import { runFields } from './run.js'
import { createScope, type KnownFunction, type Value } from './scope.js'

/** All that a command line runs, and whether it was read to its end. */
export interface Reading {
  readonly invocations: readonly Invocation[]
  /** The parse of the whole text; undefined when it was not tried. */
  readonly script: ParsedScript | undefined
  /** False when the text does not parse or a bound was reached: then something may be unseen. */
  readonly complete: boolean
  /** True when the budget was used up: a larger one may find more. */
  readonly spent: boolean
}

/** Reads a command line as `sh -c` gets it. */
export function readCommand(text: string, bounds?: Bounds): Reading {
  if (hasMarks(text) || isTooMuch(text)) {
    return { invocations: [], script: undefined, complete: false, spent: false }
  }
  const session = createSession(bounds)
  const script = read(text, session.budget)
  const context: Context = {
    scope: createScope(),
    source: text,
    pipeline: brief(text),
    upstream: [],
    input: undefined,
    via: [],
    background: false,
    piped: false,
    certain: true,
    contained: false,
    calls: [],
    depth: maxDepth,
  }
  session.script(script, context)
  // A command with an unknown name may call any function of the text.
  if (session.found.some((one) => one.program === '' && one.path !== '')) {
    for (const known of session.functions.filter((one) => !one.called)) {
      known.called = true
      session.node(known.node.body, { ...context, source: known.source })
    }
  }
  const { exhausted, spent } = session.budget
  return { invocations: session.found, script, complete: !exhausted, spent }
}

function createSession(bounds: Bounds | undefined): Session {
  const session: Session = {
    budget: createBudget(bounds),
    found: [],
    functions: [],
    script(script, context) {
      if (script.errors && script.errors.length > 0) session.budget.leaveOut()
      const source = script.source ?? context.source
      return sequence(script.commands, { ...context, source }, session)
    },
    text(text, context) {
      const known = spelled(text)
      if (text.includes(CUT)) session.budget.leaveOut()
      if (context.depth <= 0 || isTooMuch(known)) {
        session.budget.leaveOut()
        return { ran: [], output: undefined }
      }
      if (!session.budget.take('reparsed', known.length)) return { ran: [], output: undefined }
      return session.script(read(known, session.budget), {
        ...context,
        source: known,
        pipeline: brief(known),
      })
    },
    guess(text, context) {
      const known = spelled(text)
      if (context.depth <= 0 || isTooMuch(known) || !session.budget.take('reparsed', known.length))
        return nothing
      const script = read(known, session.budget)
      return script.errors?.length
        ? nothing
        : session.script(script, { ...context, source: known, pipeline: brief(known) })
    },
    node: (node, context) => walk(node, context, session),
    words: (node, context) => readWordsOf(node, context, session),
    run: (fields, shape, context) => runFields(fields, shape, context, session),
  }
  return session
}

function read(text: string, budget: Budget): ParsedScript {
  const shown = legible(text)
  if (shown.length < text.length) budget.leaveOut()
  return parse(shown)
}

/** A text that is run, with its unknown stretches as an unset variable, so that it parses. */
function spelled(text: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is shell
  return text.replaceAll(HOLE, '${__unknown}').replaceAll(HOME, '${HOME}').replaceAll(BREAK, ' ')
}

function sequence(nodes: readonly SyntaxNode[], context: Context, session: Session): Outcome {
  const outcomes: Outcome[] = []
  for (const node of nodes) {
    if (session.budget.spent) break
    outcomes.push(walk(node, context, session))
  }
  return together(outcomes)
}

function together(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.length === 1 && outcomes[0]) return outcomes[0]
  const outputs = outcomes.map((outcome) => outcome.output)
  // An unknown output is an unknown stretch between those that are known: `(crontab -l; echo '* * * * * x') | crontab -`.
  const told = outputs.every((output) => output !== undefined) || outputs.some((output) => output?.trim())
  return {
    ran: outcomes.flatMap((outcome) => outcome.ran),
    output: told ? outputs.map((output) => output ?? `${HOLE}\n`).join('') : undefined,
  }
}

function walk(node: SyntaxNode, context: Context, session: Session): Outcome {
  if (context.depth <= 0 || !session.budget.take('nodes')) {
    session.budget.leaveOut()
    return { ran: [], output: undefined }
  }
  const down = { ...context, depth: context.depth - 1 }
  const inside = (nodes: readonly SyntaxNode[], more: Partial<Context> = {}) =>
    sequence(nodes, { ...down, ...more }, session)
  switch (node.type) {
    case 'Statement':
      return walk(
        node.command,
        { ...down, background: context.background || node.background === true },
        session,
      )
    case 'CompoundList':
      return inside(node.commands)
    case 'AndOr':
      return branches(down, () => {
        // Only the first is certain to run.
        const first = inside(node.commands.slice(0, 1))
        return together([first, inside(node.commands.slice(1), { certain: false })])
      })
    case 'Pipeline':
      return readPipeline(node, down, session)
    case 'Command':
      return readSimple(node, context, session)
    case 'Subshell':
      return inside(node.body.commands, { scope: context.scope.child() })
    case 'BraceGroup':
      return inside(node.body.commands)
    case 'Redirected':
      return walkRedirected(node, context, session)
    case 'Function':
      define({ node, source: context.source, called: false }, context, session)
      return nothing
    case 'For':
    case 'Select':
      assignEach(node, context, session)
      return branches(context, () => inside(node.body.commands, { certain: false }))
    case 'If':
    case 'Elif':
    case 'While':
    case 'Case':
    case 'CaseItem':
    case 'ArithmeticFor':
    case 'Coproc':
      return branches(context, () => {
        readWordsOf(node, down, session)
        return inside(blocksOf(node), { certain: false })
      })
    default:
      // Tests and arithmetic run nothing but the substitutions inside them.
      readWordsOf(node, down, session)
      return { ran: [], output: undefined }
  }
}

function walkRedirected(node: NodeOf<'Redirected'>, context: Context, session: Session): Outcome {
  const down = { ...context, depth: context.depth - 1 }
  const redirected = readRedirects(node.redirects, context, session)
  const { redirects } = redirected
  const outcome = walk(node.command, withInput(down, redirected), session)
  const part = brief(context.source.slice(node.pos, node.end))
  const writes = session.run([], { redirects, part }, { ...down, upstream: outcome.ran })
  return { ran: [...outcome.ran, ...writes.ran], output: undefined }
}

/** The variable of a loop may have each of the words that it goes over. */
function assignEach(node: NodeOf<'For' | 'Select'>, context: Context, session: Session): void {
  const fields = (node.wordlist ?? []).flatMap((word) => fieldsOf(word, context, session))
  const values: readonly Value[] = fields.map(({ value: text, sources, glob }) => ({ text, sources, glob }))
  const unknown: readonly Value[] = node.wordlist ? [] : context.scope.positional
  if (values.length > maxAlternatives) session.budget.leaveOut()
  context.scope.assign(node.name.value, values.length > 0 ? values : unknown, true)
}

type NodeOf<Type extends SyntaxNode['type']> = Extract<SyntaxNode, { type: Type }>

/** After commands that may not have run, the shell may still be in its former folder. */
function branches(context: Context, work: () => Outcome): Outcome {
  const before = context.scope.folders
  const outcome = work()
  context.scope.folders = [...new Set([...before, ...context.scope.folders])].slice(0, 8)
  return outcome
}

function define(known: KnownFunction, context: Context, session: Session): void {
  session.functions.push(known)
  context.scope.setFunction(known.node.name.value, known)
}

/** The lists inside a compound command, in the order of the text. */
function blocksOf(node: SyntaxNode): readonly SyntaxNode[] {
  switch (node.type) {
    case 'If':
      return [node.clause, node.then, ...node.elif, ...(node.else ? [node.else] : [])]
    case 'Elif':
      return [node.clause, node.then]
    case 'While':
      return [node.clause, node.body]
    case 'Case':
      return node.items
    case 'CaseItem':
    case 'ArithmeticFor':
    case 'Coproc':
      return [node.body]
    default:
      return []
  }
}
