import type { Budget } from '../budget.js'
import { CUT, type Field, fieldOf, HOLE, type Invocation } from './invocation.js'
import { has, operands } from './options.js'

/** How many words of an input are followed, each as an argument. */
const mostWords = 256

/**
 * The arguments, one by one, of a command that makes arguments out of its input (xargs, parallel, read): the words
 * that are known, or what represents them.
 */
export function outputsOf(invocation: Invocation, budget: Budget, cut = /[\s\0]+/): readonly Field[] {
  if (invocation.input !== undefined) {
    const words = invocation.input.split(cut).filter((word) => word !== '')
    if (words.length > mostWords || invocation.input.includes(CUT)) budget.leaveOut()
    return words.slice(0, mostWords).map((word) => fieldOf(word))
  }
  const source = invocation.upstream.at(-1)
  if (source?.program === 'find') return foundBy(source)
  if (source?.program === 'ls') {
    // It prints files as they are given, and for folders the names in them, as a `*` there would.
    const given = operands(source)
    if (given.length > 0 && (has(source, 'd', 'directory') || given.every((one) => one.glob))) return given
    return [{ ...fieldOf('*'), glob: true }]
  }
  // `grep -rl x /etc`: files below the folder that it searches.
  if (
    source?.program === 'grep' &&
    has(source, 'l', 'L', 'files-with-matches') &&
    has(source, 'r', 'R', 'recursive')
  )
    return operands(source, 'e', 'f', 'm')
      .slice(1)
      .map((one) => ({ ...one, value: `${one.value.replace(/\/+$/, '')}/${HOLE}`, glob: false }))
  // `find … | grep -v x | xargs rm` still removes what find found, but filtered.
  const finder = invocation.upstream.find((one) => one.program === 'find')
  return finder ? foundBy(finder, true) : []
}

/** The tests of find by which it passes on only some of what it meets. */
const tests =
  /^-(?:i?name|i?path|i?wholename|i?regex|mtime|mmin|atime|amin|ctime|cmin|newer.*|size|user|group|uid|gid|perm|empty|links|inum|samefile|used|anewer|cnewer|fstype|readable|writable|nouser|nogroup|executable|lname)$/

/** What find passes on: its starting points themselves, or something below them if it filters. */
export function foundBy(find: Invocation, filtered = isFiltered(find)): readonly Field[] {
  return startsOf(find).map((start) =>
    filtered ? { ...start, value: `${start.value.replace(/\/+$/, '')}/${HOLE}/${HOLE}`, glob: false } : start,
  )
}

export function isFiltered(find: Invocation): boolean {
  const words = find.args.map((field) => field.value)
  return words.some((word, index) => {
    if (!tests.test(word)) return false
    // `-name '*'` filters nothing.
    return !(/name$|path$/.test(word) && words[index + 1] === '*')
  })
}

/** The starting points of find: the words before its first test or action. */
export function startsOf(find: Invocation): readonly Field[] {
  const rest = find.args.filter((field) => !/^-[HLP]$|^-O\d$/.test(field.value))
  const end = rest.findIndex((field) => /^[-(!]/.test(field.value))
  const starts = end < 0 ? rest : rest.slice(0, end)
  return starts.length > 0 ? starts : [fieldOf('.')]
}
