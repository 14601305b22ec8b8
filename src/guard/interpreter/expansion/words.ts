import { parse, type Word, type WordPart } from 'unbash'
import { gathered, maxAlternatives } from '../budget.js'
import { BREAK, type Field, HOLE, HOME, type Invocation, unmarked } from '../programs/invocation.js'
import type { Context, Session } from '../programs/session.js'
import type { Value } from '../scope.js'
import { expandBraces } from './braces.js'
import { expandParameter, lookUp } from './parameters.js'

/** A stretch of a word. `split`: an expansion outside quotes, which the shell splits at blanks. */
interface Piece {
  readonly text: string
  readonly quoted: boolean
  readonly split: boolean
  readonly glob: boolean
  readonly sources: readonly Invocation[]
  readonly content?: string | undefined
}

const longestParameter = 4_096

/** The fields that a word may become: one list for each value that its variables may hold. */
export function alternativesOf(
  word: Word,
  context: Context,
  session: Session,
): readonly (readonly Field[])[] {
  if (word.parts?.some((part) => part.type === 'BraceExpansion')) {
    const words = expandBraces(word.text)
    if (words) return [words.flatMap((text) => fieldsOfText(text, context, session))]
    // A group that cannot be expanded is either no group (`{}`) or one too long to read.
    if (/\{[^}]*,/.test(word.text)) session.budget.leaveOut()
  }
  return pieceLists(word, context, session).map((pieces) => toFields(pieces, word.text, context, session))
}

/** All fields that a word may become, together, so that a risk of any of them is found. */
export function fieldsOf(word: Word, context: Context, session: Session): readonly Field[] {
  const alternatives = alternativesOf(word, context, session)
  return alternatives.length === 1 ? (alternatives[0] ?? []) : alternatives.flat()
}

/** What a word may expand to when the shell does not split it: in assignments, redirections, here-strings. */
export function valuesOf(word: Word, context: Context, session: Session): readonly Value[] {
  return pieceLists(word, context, session).map((pieces) => joined(pieces, session))
}

/** The content of a here-document, as far as it is known. */
export function valueOfParts(parts: readonly WordPart[], context: Context, session: Session): Value {
  const pieces = lists(parts, true, context, session)[0] ?? []
  return joined(pieces, session)
}

function joined(pieces: readonly Piece[], session: Session): Value {
  return {
    text: pieces.map((piece) => piece.text).join(''),
    sources: gathered(
      pieces.flatMap((piece) => piece.sources),
      session.budget,
    ),
  }
}

/** The words of brace expansion are texts: they are parsed like any other. */
function fieldsOfText(text: string, context: Context, session: Session): readonly Field[] {
  if (text === '') return []
  if (!session.budget.take('reparsed', text.length + 2) || context.depth <= 0) return []
  const command = parse(`x ${text}`).commands[0]?.command
  if (command?.type !== 'Command') return []
  const deeper = { ...context, depth: context.depth - 1 }
  return command.suffix.flatMap((word) => (word.type === 'Word' ? fieldsOf(word, deeper, session) : []))
}

function pieceLists(word: Word, context: Context, session: Session): readonly (readonly Piece[])[] {
  const parts = word.parts
  if (parts === undefined) {
    const quoted = word.text !== word.value || word.text === ''
    return [[literal(withHome(word.value, word.text, context), { quoted })]]
  }
  return lists(parts, false, context, session)
}

/** Every combination of the parts, up to a bound. */
function lists(
  parts: readonly WordPart[],
  quoted: boolean,
  context: Context,
  session: Session,
): readonly (readonly Piece[])[] {
  let all: Piece[][] = [[]]
  parts.forEach((part, index) => {
    const choices = piecesOf(part, quoted, index === 0, context, session)
    const [only] = choices
    if (choices.length === 1 && only) {
      for (const list of all) list.push(...only)
    } else if (all.length * choices.length <= maxAlternatives) {
      all = all.flatMap((list) => choices.map((choice) => [...list, ...choice]))
    } else {
      // Too many to follow each of them, so the stretch is unknown.
      const sources = gathered(
        choices.flat().flatMap((piece) => piece.sources),
        session.budget,
      )
      for (const list of all) list.push({ ...literal(HOLE, { quoted }), sources })
    }
  })
  return all
}

function piecesOf(
  part: WordPart,
  quoted: boolean,
  first: boolean,
  context: Context,
  session: Session,
): readonly (readonly Piece[])[] {
  if (!session.budget.take('nodes')) return [[literal(HOLE, {})]]
  const one = (piece: Piece) => [[piece]]
  switch (part.type) {
    case 'Literal': {
      const text = first && !quoted ? withHome(part.value, part.text, context) : unmarked(part.value)
      return one(literal(text, { quoted }))
    }
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return one(literal(unmarked(part.value), { quoted: true }))
    case 'Glob':
      return one({ ...literal(unmarked(part.value), {}), glob: true })
    case 'ExtendedGlob':
      return one({ ...literal(unmarked(part.text), {}), glob: true })
    case 'BraceExpansion':
      return one(literal(unmarked(part.text), {}))
    case 'DoubleQuoted':
    case 'LocaleString': {
      const inner = lists(part.parts, true, context, session)
      return inner.map((list) => (list.length > 0 ? list : [literal('', { quoted: true })]))
    }
    case 'SimpleExpansion': {
      const name = part.text.slice(1)
      const values = lookUp(name, context.scope)
      return values.map((value) => [
        expansion(quoted && name === '*' ? spaced(value) : value, quoted, session),
      ])
    }
    case 'ParameterExpansion': {
      // The parser parses nested ones again for each level, so a long one is not opened.
      if (part.text.length > longestParameter || !session.budget.take('reparsed', part.text.length)) {
        session.budget.leaveOut()
        return one(literal(HOLE, { quoted }))
      }
      const values = expandParameter(part, context.scope, (word) => valuesOf(word, context, session))
      return values.map((value) => [expansion(value, quoted, session)])
    }
    case 'CommandExpansion':
    case 'ProcessSubstitution':
      return one(substitution(part, quoted, context, session))
    case 'ArithmeticExpansion':
      // Its result is not worked out; what runs inside it is read.
      if (session.budget.take('reparsed', part.text.length)) session.words(part, context)
      return one(literal(HOLE, { quoted }))
  }
}

type Substitution = Extract<WordPart, { type: 'CommandExpansion' | 'ProcessSubstitution' }>

function substitution(part: Substitution, quoted: boolean, context: Context, session: Session): Piece {
  const unknown = literal(HOLE, { quoted })
  // The parser parses the inner script only when it is accessed, so the budget is spent here.
  if (context.depth <= 0 || !session.budget.take('reparsed', part.text.length)) {
    session.budget.leaveOut()
    return unknown
  }
  const script = part.script
  if (!script) return unknown
  const writes = part.type === 'ProcessSubstitution' && part.operator === '>'
  const outcome = session.script(script, {
    ...context,
    scope: context.scope.child(),
    upstream: writes ? context.upstream : [],
    input: writes ? context.input : undefined,
    depth: context.depth - 1,
  })
  if (part.type === 'ProcessSubstitution') {
    return { ...unknown, sources: outcome.ran, content: outcome.output }
  }
  const value = { text: outcome.output?.replace(/\n+$/, '') ?? HOLE, sources: outcome.ran }
  return expansion(value, quoted, session)
}

function expansion(value: Value, quoted: boolean, session: Session): Piece {
  const fits = session.budget.take('expanded', value.text.length)
  const text = fits ? value.text : HOLE
  return {
    text,
    quoted,
    split: !quoted,
    glob: (value.glob === true || !quoted) && /[*?[]/.test(text),
    sources: value.sources,
  }
}

function spaced(value: Value): Value {
  return { ...value, text: value.text.replaceAll(BREAK, ' ') }
}

function literal(text: string, { quoted = false }: { quoted?: boolean }): Piece {
  return { text, quoted, split: false, glob: false, sources: [] }
}

/** `~`, `~user` and `~+` at the beginning of a word, unless they were quoted. */
function withHome(value: string, text: string, context: Context): string {
  const clean = unmarked(value)
  if (!text.startsWith('~')) return clean
  if (/^~\+(\/|$)/.test(text)) return (context.scope.folders[0] ?? HOLE) + clean.slice(2)
  return clean.replace(/^~[A-Za-z0-9_.-]*(?=\/|$)/, HOME)
}

function toFields(
  pieces: readonly Piece[],
  text: string,
  context: Context,
  session: Session,
): readonly Field[] {
  const fields: Field[] = []
  let current:
    | { value: string; glob: boolean; sources: Invocation[]; content: string | undefined }
    | undefined
  const open = () => {
    current ??= { value: '', glob: false, sources: [], content: undefined }
    return current
  }
  const close = () => {
    if (current && session.budget.take('fields'))
      fields.push({ ...current, text, sources: gathered(current.sources, session.budget) })
    current = undefined
  }
  const add = (stretch: string, piece: Piece) => {
    const field = open()
    field.value += stretch
    field.glob ||= piece.glob
    for (const source of piece.sources) field.sources.push(source)
    field.content = piece.content ?? field.content
  }
  for (const piece of pieces) {
    if (!piece.split && !piece.text.includes(BREAK)) {
      if (piece.text !== '' || piece.quoted) add(piece.text, piece)
      continue
    }
    const stretches = piece.split ? cut(piece.text, context) : piece.text.split(BREAK)
    stretches.forEach((stretch, index) => {
      if (index > 0) close()
      if (stretch !== '' || (piece.quoted && stretches.length > 1)) add(stretch, piece)
    })
  }
  close()
  return fields
}

function cut(text: string, context: Context): readonly string[] {
  const own = context.scope.variable('IFS')?.[0]?.text
  if (own === undefined) return text.split(usualSeparators)
  const separators = new Set([...own, BREAK])
  const stretches: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (!separators.has(text.charAt(at))) continue
    stretches.push(text.slice(from, at))
    from = at + 1
  }
  stretches.push(text.slice(from))
  return stretches
}

/** Where the shell splits when the text sets no IFS, and BREAK. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: BREAK is one
const usualSeparators = /[ \t\n\u0002]/
