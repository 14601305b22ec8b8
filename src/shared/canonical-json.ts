/**
 * A value as canonical JSON (RFC 8785), so that both sides of a hash or a signature have the same bytes: members in the order
 * of the UTF-16 code units of their names, no blanks, numbers and texts as ECMAScript writes them. Members that are
 * undefined are left out. Throws TypeError for what JSON cannot say: other values, numbers without an end, and texts with
 * half of a surrogate pair.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return textOf(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new TypeError(`Canonical JSON has no ${typeof value} such as this.`)
  let members = ''
  // Names are sorted by their UTF-16 code units, as `sort` does by itself.
  for (const name of Object.keys(value).sort()) {
    const member: unknown = Reflect.get(value, name)
    if (member === undefined) continue
    members += `${members === '' ? '' : ','}${textOf(name)}:${canonicalJson(member)}`
  }
  return `{${members}}`
}

/** What may be half of a surrogate pair; a class of code units costs a tenth of what a look at whole characters does. */
const UNIT = /[\ud800-\udfff]/
/** Half of a surrogate pair, which no encoding of Unicode has bytes for. */
const HALF = /\p{Surrogate}/u

function textOf(text: string): string {
  if (UNIT.test(text) && HALF.test(text))
    throw new TypeError('Canonical JSON takes texts without half of a surrogate pair.')
  return JSON.stringify(text)
}
