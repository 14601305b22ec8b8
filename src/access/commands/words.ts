import type { WordRule } from '../../shared/access/policy.js'
import { globTest } from '../../shared/agents/selector/glob.js'
import { isUnder, resolvedPath } from './paths.js'

/** A rule for one word, made ready. */
export type WordTest = {
  fits: (word: string) => boolean
  /** Who chose the word that fits: the author of the rule for `literal`, the caller within bounds for the others. */
  kind: 'literal' | 'int' | 'path' | 'glob'
  /** The only word that fits, where there is only one. */
  only: string | undefined
  /** As people read it. */
  text: string
}

/** Makes a rule for a word of an allowed command ready: what is not certain to fit does not. */
export function wordTest(rule: WordRule): WordTest {
  if (typeof rule === 'string')
    return { fits: (word) => word === rule, kind: 'literal', only: rule, text: rule }
  if ('one_of' in rule) {
    const words = new Set(rule.one_of)
    return { fits: (word) => words.has(word), kind: 'literal', only: undefined, text: rule.one_of.join('|') }
  }
  if ('glob' in rule) {
    const { glob } = rule
    const segments = glob.split('/').map(globTest)
    const options = glob.startsWith('-')
    const fits = (word: string) => {
      // A word that is an option changes what the program does: a pattern means those only where it begins as they do.
      if (word.startsWith('-') && !options) return false
      const parts = word.split('/')
      return parts.length === segments.length && parts.every((part, at) => segments[at]?.(part))
    }
    return { fits, kind: 'glob', only: undefined, text: glob }
  }
  if ('int' in rule) {
    const { min, max } = rule.int
    const fits = (word: string) => isCanonical(word) && Number(word) >= min && Number(word) <= max
    return { fits, kind: 'int', only: undefined, text: `${min}..${max}` }
  }
  const { path_under } = rule
  return {
    fits: (word) => isPathUnder(word, path_under),
    kind: 'path',
    only: undefined,
    text: `${path_under}/…`,
  }
}

/** The same for a deny: what may be meant fits, such as an option or a path by a pattern, and a program by its name alone. */
export function denyWordTest(rule: WordRule, program: boolean): WordTest {
  const test = wordTest(rule)
  if (typeof rule === 'object' && 'glob' in rule) return { ...test, fits: globTest(rule.glob) }
  if (!program) return test
  return { ...test, only: undefined, fits: (word) => test.fits(word) || test.fits(baseName(word)) }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function isPathUnder(word: string, folder: string): boolean {
  const path = resolvedPath(word)
  return path !== undefined && isUnder(path, folder)
}

/** Whole numbers as programs print them: no sign of plus, no zeros before, none that is not exact. */
function isCanonical(word: string): boolean {
  return /^(?:0|-?[1-9]\d{0,15})$/.test(word) && Number.isSafeInteger(Number(word))
}
