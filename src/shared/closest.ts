import { distance } from 'fastest-levenshtein'

/** The part of a name's letters that may differ from the one that was meant. */
const DIFFERENT_PART = 0.4
/** What is longer is no typing error, and comparing takes time by its length. */
const LETTERS = 64

/** Of these names the one that was probably meant; `far`: letters that may differ at most. */
export function closest(name: string, names: string[], far = Number.POSITIVE_INFINITY): string | undefined {
  if (name.length > LETTERS) return undefined
  const lower = name.toLowerCase()
  const [best] = names
    .map((one) => ({ one, letters: distance(lower, one.toLowerCase()) }))
    .sort((a, b) => a.letters - b.letters)
  if (!best || best.letters > Math.min(far, best.one.length * DIFFERENT_PART)) return undefined
  return best.one
}
