/**
 * Brace expansion, which the shell does on the text before anything else: `{rm,-rf,/}` is three words. Undefined when
 * there is nothing to expand or the result would be too long.
 */
export function expandBraces(text: string, limit = 64): string[] | undefined {
  let words = [text]
  for (let round = 0; round < 16; round++) {
    const next: string[] = []
    let changed = false
    for (const word of words) {
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

/** The word once for each choice of its first brace group; undefined when it has none. */
function firstGroup(word: string): string[] | undefined {
  for (let open = nextOpen(word, 0); open >= 0; open = nextOpen(word, open + 1)) {
    const group = readGroup(word, open)
    if (!group) continue
    const before = word.slice(0, open)
    const after = word.slice(group.end)
    return group.choices.map((choice) => before + choice + after)
  }
  return undefined
}

function nextOpen(word: string, from: number): number {
  for (let at = from; at < word.length; at++) {
    const skipped = skipQuoted(word, at)
    if (skipped > at) at = skipped - 1
    else if (word[at] === '{' && word[at - 1] !== '$') return at
  }
  return -1
}

function readGroup(word: string, open: number): { choices: string[]; end: number } | undefined {
  const commas: number[] = []
  let depth = 0
  for (let at = open; at < word.length; at++) {
    const skipped = skipQuoted(word, at)
    if (skipped > at) {
      at = skipped - 1
      continue
    }
    const char = word[at]
    if (char === '{') depth++
    else if (char === ',' && depth === 1) commas.push(at)
    else if (char === '}' && --depth === 0) {
      const cuts = [open, ...commas, at]
      const inside = word.slice(open + 1, at)
      const choices = commas.length > 0 ? between(word, cuts) : sequence(inside)
      return choices && { choices, end: at + 1 }
    }
  }
  return undefined
}

function between(word: string, cuts: readonly number[]): string[] {
  return cuts.slice(1).map((cut, index) => word.slice((cuts[index] ?? 0) + 1, cut))
}

/** `1..5`, `a..e`: the ends and a few between; numbers and letters hide nothing, so the rest is left out. */
function sequence(inside: string): string[] | undefined {
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.-?\d{1,9})?$/.exec(inside)
  if (numbers) return [numbers[1] ?? '', numbers[2] ?? '']
  const letters = /^([a-z])\.\.([a-z])$/i.exec(inside)
  if (!letters) return undefined
  const [from, to] = [letters[1] ?? 'a', letters[2] ?? 'a'].map((letter) => letter.charCodeAt(0))
  if (from === undefined || to === undefined) return undefined
  const low = Math.min(from, to)
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, index) => String.fromCharCode(low + index))
}

/** The end of the quoted stretch that begins here, or `at` when none does. */
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
