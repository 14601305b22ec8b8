import { idSchema } from '../../commands/request.js'
import { keywords } from './fields.js'
import { TOO_MANY_IDS } from './tree.js'

/** Ids with ranges of numbers in brackets, as a text has them: `web-[1-20,30]`, `rack[01-12]-node[1-4]`. */

/** Digits of a number that is counted exactly. */
const RANGE = /^(\d{1,15})(?:-(\d{1,15}))?$/
const LAST_NUMBER = /^(.*?)(\d{1,15})$/s

type Range = { from: string; to: string }

/** The ids that a pattern names, in order, `most` at most; or what is wrong with it. */
export function expandIds(pattern: string, most: number): { ids: string[] } | { fault: string } {
  // Texts, and between them what is in brackets.
  const pieces = pattern.split(/[[\]]/)
  const ranges: Range[][] = []
  let count = 1
  for (const inside of pieces.filter((_, at) => at % 2 === 1)) {
    const list: Range[] = []
    let width = 0
    for (const item of inside.split(',')) {
      const range = rangeOf(item)
      if ('fault' in range) return range
      list.push(range)
      width += Number(range.to) - Number(range.from) + 1
    }
    ranges.push(list)
    count *= width
  }
  if (count > most) return { fault: TOO_MANY_IDS }
  let ids = [pieces[0] ?? '']
  for (const [at, list] of ranges.entries()) {
    const numbers = list.flatMap(numbersOf)
    const rest = pieces[2 * at + 2] ?? ''
    ids = ids.flatMap((begun) => numbers.map((number) => begun + number + rest))
  }
  const wrong = ids.find((id) => !idSchema.safeParse(id).success)
  return wrong === undefined ? { ids } : { fault: `${wrong} can be no agent's id` }
}

/** Ids as one text: neighbours that differ in their last number, by one at a time, become ranges. Their order is kept. */
export function foldIds(ids: string[]): string {
  const groups: { prefix: string; ranges: Range[] }[] = []
  for (const id of ids) {
    const [, prefix = id, number] = LAST_NUMBER.exec(id) ?? []
    const group = groups.at(-1)
    if (number === undefined) groups.push({ prefix, ranges: [] })
    else if (group?.prefix !== prefix || group.ranges.length === 0) {
      groups.push({ prefix, ranges: [{ from: number, to: number }] })
    } else {
      const last = group.ranges.at(-1)
      if (last && isNext(last, number)) last.to = number
      else group.ranges.push({ from: number, to: number })
    }
  }
  return groups.map(groupText).join('+')
}

function groupText({ prefix, ranges }: { prefix: string; ranges: Range[] }): string {
  const [first, ...more] = ranges
  if (!first) return keywords.includes(prefix) ? `"${prefix}"` : prefix
  if (more.length === 0 && first.from === first.to) return prefix + first.from
  return `${prefix}[${ranges.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(',')}]`
}

function isNext({ from, to }: Range, number: string): boolean {
  if (Number(number) !== Number(to) + 1) return false
  return isPadded(from) ? number.length === from.length : !isPadded(number)
}

function rangeOf(item: string): Range | { fault: string } {
  const [, from, to = from] = RANGE.exec(item) ?? []
  if (from === undefined || to === undefined) {
    return { fault: `brackets take numbers and ranges, such as [1-20,30]; found [${item}]` }
  }
  if (Number(from) > Number(to)) return { fault: `the range ${item} begins behind its end` }
  if (isPadded(from) && from.length !== to.length) {
    return { fault: `both ends of the range ${item} take as many digits` }
  }
  return { from, to }
}

function numbersOf({ from, to }: Range): string[] {
  const first = Number(from)
  return Array.from({ length: Number(to) - first + 1 }, (_, at) =>
    String(first + at).padStart(isPadded(from) ? from.length : 0, '0'),
  )
}

/** Whether a number is written with zeros before it. */
function isPadded(number: string): boolean {
  return number.length > 1 && number.startsWith('0')
}
