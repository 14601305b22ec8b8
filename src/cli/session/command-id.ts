import type { OgentClient } from '../../client/client.js'
import type { CommandFilter } from '../../shared/commands/record.js'
import { OgentError } from '../../shared/errors.js'
import { ULID_DIGITS, ULID_TIME_LENGTH } from '../../shared/id.js'
import { UsageError } from '../errors/report.js'

const PAGE = 200
/** Pages that are searched for the beginning of an id. */
const PAGES = 10
/** As many as are named where several begin alike. */
const NAMED = 5
/** The clocks of those that make ids and of the controller may differ by so much, in ms. */
const SKEW_MS = 10 * 60_000

/** Acts on the command of this id; where there is none, on the one whose id begins so. Throws UsageError for several. */
export async function withCommandId<T>(
  ogent: OgentClient,
  typed: string,
  act: (command_id: string) => Promise<T>,
): Promise<T> {
  try {
    return await act(typed)
  } catch (error) {
    if (!(error instanceof OgentError) || error.code !== 'COMMAND_NOT_FOUND') throw error
    const [found, ...more] = await idsThatBegin(ogent, typed)
    if (found === undefined) throw error
    if (more.length > 0) throw ambiguous(typed, [found, ...more])
    return act(found)
  }
}

/** Among the newest commands; else, where it is the beginning of a ULID, among those of its time. */
async function idsThatBegin(ogent: OgentClient, prefix: string): Promise<string[]> {
  for (const filter of [{}, timesOf(prefix)]) {
    const found = filter ? await search(ogent, prefix, filter) : []
    if (found.length > 0) return found
  }
  return []
}

async function search(ogent: OgentClient, prefix: string, filter: CommandFilter): Promise<string[]> {
  const found: string[] = []
  let cursor: string | null = null
  for (let pages = 0; pages < PAGES; pages++) {
    const page = await ogent.commands.list({ ...filter, limit: PAGE, cursor: cursor ?? undefined })
    found.push(...page.commands.map(({ command_id }) => command_id).filter((id) => id.startsWith(prefix)))
    cursor = page.next_cursor
    if (cursor === null) break
  }
  return found
}

/** Fewer letters mean half a day and more. */
const LEAST_LETTERS = 5

/** When a command was made whose id is a ULID that begins so; undefined where none does. */
function timesOf(prefix: string): CommandFilter | undefined {
  const letters = [...prefix.slice(0, ULID_TIME_LENGTH)].map((letter) => ULID_DIGITS.indexOf(letter))
  if (letters.length < LEAST_LETTERS || letters.includes(-1) || (letters[0] ?? 8) > 7) return undefined
  const step = ULID_DIGITS.length ** (ULID_TIME_LENGTH - letters.length)
  const first = letters.reduce((time, letter) => time * ULID_DIGITS.length + letter, 0) * step
  const at = (ms: number) => new Date(Math.min(Math.max(ms, 0), LATEST)).toISOString()
  return { since: at(first - SKEW_MS), until: at(first + step + SKEW_MS) }
}

const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

function ambiguous(typed: string, ids: string[]): UsageError {
  const named = ids.slice(0, NAMED).join(', ')
  const others = ids.length > NAMED ? `, and ${ids.length - NAMED} more` : ''
  return new UsageError(`${typed} begins the ids of ${ids.length} commands: ${named}${others}`)
}
