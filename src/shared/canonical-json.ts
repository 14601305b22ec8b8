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
  const members: string[] = []
  for (const [name, member] of Object.entries(value).sort(byName)) {
    if (member !== undefined) members.push(`${textOf(name)}:${canonicalJson(member)}`)
  }
  return `{${members.join(',')}}`
}

/** Half of a surrogate pair, which no encoding of Unicode has bytes for. */
const HALF = /\p{Surrogate}/u

function textOf(text: string): string {
  if (HALF.test(text)) throw new TypeError('Canonical JSON takes texts without half of a surrogate pair.')
  return JSON.stringify(text)
}

/** Comparing texts compares their UTF-16 code units. */
function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1
}
