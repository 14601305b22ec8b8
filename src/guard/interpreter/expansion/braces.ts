/**
 * Brace expansion, which the shell does on the text before anything else: `{rm,-rf,/}` is three words. Undefined when
 * there is nothing to expand or the result would be too long.
 */
export function expandBraces(text: string, limit = 64): string[] | undefined {
  let words = [text]
  let left = mostRead
  for (let round = 0; round < 16; round++) {
    const next: string[] = []
    let changed = false
    for (const word of words) {
      left -= word.length
      if (left < 0) return undefined
      const choices = firstGroup(word)
      if (choices) changed = true
      next.push(...(choices ?? [word]))
      if (next.length > limit) return undefined
    }
    words = next
    if (!changed) return round === 0 ? undefined : words
  }
  return undefined
}

/** How many characters are read for one word, including all the words that it becomes. */
const mostRead = 32_000

/** The word once for each choice of its first brace group; undefined when it has none. */
function firstGroup(word: string): string[] | undefined {
  let first: { open: number; end: number; choices: readonly string[] } | undefined
  const stack: { open: number; commas: number[] }[] = []
  for (let at = 0; at < word.length; at++) {
    const skipped = skipQuoted(word, at)
    if (skipped > at) {
      at = skipped - 1
      continue
    }
    const char = word[at]
    if (char === '{') stack.push({ open: at, commas: [] })
    else if (char === ',') stack.at(-1)?.commas.push(at)
    if (char !== '}') continue
    const group = stack.pop()
    // `${` is no group, and a nested group is expanded together with the outer one.
    if (!group || word[group.open - 1] === '$' || (first && first.open < group.open)) continue
    const { open, commas } = group
    const choices = commas.length > 0 ? between(word, [open, ...commas, at]) : sequence(word, open + 1, at)
    if (choices) first = { open, end: at + 1, choices }
  }
  if (!first) return undefined
  const before = word.slice(0, first.open)
  const after = word.slice(first.end)
  return first.choices.map((choice) => before + choice + after)
}

function between(word: string, cuts: readonly number[]): string[] {
  return cuts.slice(1).map((cut, index) => word.slice((cuts[index] ?? 0) + 1, cut))
}

/** `1..5`, `a..e`: the ends and a few between; numbers and letters cannot hide a command, so the rest is left out. */
function sequence(word: string, from: number, to: number): string[] | undefined {
  if (to - from > 40) return undefined
  const inside = word.slice(from, to)
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.-?\d{1,9})?$/.exec(inside)
  if (numbers) return [numbers[1] ?? '', numbers[2] ?? '']
  const letters = /^([a-z])\.\.([a-z])$/i.exec(inside)
  if (!letters) return undefined
  const [first, last] = [letters[1] ?? 'a', letters[2] ?? 'a'].map((letter) => letter.charCodeAt(0))
  if (first === undefined || last === undefined) return undefined
  const low = Math.min(first, last)
  return Array.from({ length: Math.abs(last - first) + 1 }, (_, index) => String.fromCharCode(low + index))
}

/** The end of the quoted stretch that begins here, or `at` when there is none. */
function skipQuoted(word: string, at: number): number {
  const char = word[at]
  if (char === '\\') return at + 2
  if (char === "'") return endOf(word, word.indexOf("'", at + 1))
  if (char !== '"') return at
  for (let end = at + 1; end < word.length; end++) {
    if (word[end] === '\\') end++
    else if (word[end] === '"') return end + 1
  }
  return word.length
}

function endOf(word: string, close: number): number {
  return close < 0 ? word.length : close + 1
}
