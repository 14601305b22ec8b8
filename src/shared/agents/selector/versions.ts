/** Versions, compared part by part: 1.10 comes after 1.9, and 1.2.0-rc.1 before 1.2.0. */

/** Numbers, and texts between them and what separates them. */
const PARTS = /\d+|[^\d\s._+~:-]+/g
/** A part of such a name comes before the version itself. */
const EARLY = new Set(['alpha', 'beta', 'dev', 'pre', 'preview', 'rc'])

/** Below zero where `a` comes before `b`, above where it comes after, 0 where both are the same version. */
export function compareVersions(a: string, b: string): number {
  return versionComparer(b)(a)
}

/** `compareVersions` of many versions with one, which is taken apart once: it may be long. */
export function versionComparer(b: string): (a: string) => number {
  const right = partsOf(b)
  return (a) => compareParts(partsOf(a), right)
}

function compareParts(left: string[], right: string[]): number {
  const length = Math.max(left.length, right.length)
  for (let at = 0; at < length; at++) {
    const order = comparePart(left[at], right[at])
    if (order !== 0) return order
  }
  return 0
}

function partsOf(version: string): string[] {
  return version.replace(/^v(?=\d)/, '').match(PARTS) ?? []
}

/** A part that is not there is one of 0: 1.2 and 1.2.0 are the same. */
function comparePart(a = '0', b = '0'): number {
  const ranks = rankOf(a) - rankOf(b)
  if (ranks !== 0) return ranks
  if (!isNumber(a)) return compareTexts(a, b)
  // By length first: a number of any length is compared exactly.
  const [left, right] = [withoutZeros(a), withoutZeros(b)]
  return left.length - right.length || compareTexts(left, right)
}

/** What a part is, in the order in which the kinds come: an early name, 0, another text, a number from 1 on. */
function rankOf(part: string): number {
  if (!isNumber(part)) return EARLY.has(part.toLowerCase()) ? 0 : 2
  return withoutZeros(part) === '' ? 1 : 3
}

function isNumber(part: string): boolean {
  const first = part.charCodeAt(0)
  return first >= 48 && first <= 57
}

function withoutZeros(number: string): string {
  return number.replace(/^0+/, '')
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
