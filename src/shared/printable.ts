/** Text that comes from elsewhere, made harmless for a terminal and for a log. */

/** Control characters (C0, DEL, C1) and format characters, among which are those that reorder text. */
const STEERING = /[\p{Cc}\p{Cf}]+/gu

/** What a JSON text may hold bare although a terminal acts on it: JSON.stringify escapes U+0000 to U+001F alone. */
const BARE_IN_JSON = /[\u007f-\u009f\p{Cf}\u2028\u2029]/gu

/** One line of text in which nothing steers a terminal: each run of such characters becomes one blank. */
export function printable(text: string): string {
  return text.replaceAll(STEERING, ' ')
}

/** Text without the sequences by which a terminal is coloured and steered (ECMA-48); what they leave is not yet `printable`. */
export function withoutEscapes(text: string): string {
  const [plain = '', ...rest] = text
    .replaceAll('\u009b', '\u001b[')
    .replaceAll('\u009d', '\u001b]')
    .replaceAll('\u0090', '\u001bP')
    .split('\u001b')
  return plain + rest.map(behindEscape).join('')
}

/** What is behind the sequence with which this begins. That of a string, such as a title, goes on to a BEL or the next escape. */
function behindEscape(text: string): string {
  if (/^[\]PX^_]/.test(text)) return text.includes('\u0007') ? text.slice(text.indexOf('\u0007') + 1) : ''
  return text.startsWith('[') ? text.replace(/^\[[0-?]*[ -/]*[@-~]?/, '') : text.replace(/^[ -/]*[0-~]?/, '')
}

export function isPrintable(text: string): boolean {
  return text.search(STEERING) < 0
}

/** A value as one line of JSON that can be shown on a terminal, and is read back as the same value. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(BARE_IN_JSON, (character) =>
    Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
