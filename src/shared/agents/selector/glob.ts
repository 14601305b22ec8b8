/**
 * A test of whole texts by a pattern, in which `*` fits any text and `?` any character.
 *
 * All places of the pattern that may have been reached are bits of words, and each character of a text moves them by one:
 * the time is that of the text's length times the words for any two of them. Going back after each `*` is not.
 */
export function globTest(pattern: string): (text: string) => boolean {
  const { tokens, stars } = partsOf(pattern)
  // A bit more than there are tokens: bit n says that n of them are matched.
  const words = (tokens.length >> 5) + 1
  const stay = bits(words, stars)
  const wild = bits(words, placesOf(tokens, '?'))
  const moves = new Map<string, Uint32Array>()
  for (const token of new Set(tokens)) {
    moves.set(token, union(wild, bits(words, placesOf(tokens, token))))
  }
  return (text) => {
    const reached = bits(words, [0])
    for (const character of text) {
      if (!step(reached, moves.get(character) ?? wild, stay)) return false
    }
    return has(reached, tokens.length)
  }
}

/** What is between the stars, and after how many tokens each of them comes. */
function partsOf(pattern: string): { tokens: string[]; stars: number[] } {
  const tokens: string[] = []
  const stars: number[] = []
  for (const character of pattern) {
    if (character === '*') stars.push(tokens.length)
    else tokens.push(character)
  }
  return { tokens, stars }
}

/** Places by how many tokens are matched when the token is: from 1 on. */
function placesOf(tokens: string[], token: string): number[] {
  return tokens.flatMap((one, at) => (one === token ? [at + 1] : []))
}

/** Goes on by one token where it fits (`moves`), and stays where there is a star (`stay`). False where no place is left. */
function step(reached: Uint32Array, moves: Uint32Array, stay: Uint32Array): boolean {
  let carry = 0
  let left = 0
  for (let at = 0; at < reached.length; at++) {
    const before = reached[at] ?? 0
    const moved = ((before << 1) | carry) & (moves[at] ?? 0)
    carry = before >>> 31
    const next = moved | (before & (stay[at] ?? 0))
    reached[at] = next
    left |= next
  }
  return left !== 0
}

function bits(words: number, places: number[]): Uint32Array {
  const made = new Uint32Array(words)
  for (const place of places) made[place >> 5] = (made[place >> 5] ?? 0) | (1 << (place & 31))
  return made
}

function has(made: Uint32Array, place: number): boolean {
  return (((made[place >> 5] ?? 0) >>> (place & 31)) & 1) === 1
}

function union(a: Uint32Array, b: Uint32Array): Uint32Array {
  return a.map((word, at) => word | (b[at] ?? 0))
}
