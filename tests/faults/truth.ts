import { createHash } from 'node:crypto'

/** What a command really wrote, and how it ended: told by something other than Ogent. */
export type Truth = { stdout: Buffer; stderr: Buffer; exitCode: number }

/** What a result has to say of one stream. */
export type Shown = { text: Buffer; bytes: number; sha256: string; truncated: boolean }

/** What a result shows of a stream of which all is kept, by the documented rule and from the whole of it. */
export function shownOf(whole: Buffer, limit: number): Shown {
  const sha256 = createHash('sha256').update(whole).digest('hex')
  return { text: excerptOf(whole, limit), bytes: whole.length, sha256, truncated: whole.length > limit }
}

/** All of it where it fits; else head and tail of equal length, each cut on a character, and the count between. */
function excerptOf(whole: Buffer, limit: number): Buffer {
  if (whole.length <= limit) return whole
  const mark = (count: number) => Buffer.from(`\n[... ${count} bytes left out ...]\n`)
  const room = limit - mark(whole.length).length
  if (room <= 0) return whole.subarray(0, startOfCharacter(whole, Math.min(limit, Math.ceil(limit / 2))))
  const head = whole.subarray(0, startOfCharacter(whole, Math.ceil(room / 2)))
  let from = whole.length - Math.floor(room / 2)
  for (let skipped = 0; skipped < 3 && continues(whole[from]); skipped++) from += 1
  const tail = whole.subarray(from)
  return Buffer.concat([head, mark(whole.length - head.length - tail.length), tail])
}

/** Where to cut so that no character of UTF-8 is split: at `at` or up to three bytes before. */
function startOfCharacter(whole: Buffer, at: number): number {
  let start = at
  while (start > 0 && at - start < 4) {
    start -= 1
    if (continues(whole[start])) continue
    return start + lengthOfCharacter(whole[start]) > at ? start : at
  }
  return at
}

function continues(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x80 && byte < 0xc0
}

function lengthOfCharacter(first = 0): number {
  if (first < 0xc0) return 1
  if (first < 0xe0) return 2
  return first < 0xf0 ? 3 : 4
}
