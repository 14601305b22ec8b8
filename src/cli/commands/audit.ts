import { createReadStream, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Anchor, AuditVerification, type SoundChain, type Verdict } from '../../audit/verification.js'
import type { OgentClient } from '../../client/client.js'
import { type AuditFilter, type AuditRecord, auditCheckpointSchema } from '../../shared/access/audit.js'
import { messageOf } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { pointInTime } from './point-in-time.js'

export type AuditListFlags = ConnectionFlags & {
  actor?: string
  action?: string
  object?: string
  since?: string
  until?: string
  limit: number
  json?: boolean
}

export type AuditVerifyFlags = ConnectionFlags & {
  file?: string
  checkpoint?: string[]
  witnesses?: boolean
  json?: boolean
}

const PAGE = 200

/** `ogent audit list`: who did what, the newest first. */
export async function auditListCommand(flags: AuditListFlags): Promise<number> {
  const { actor, action, object, since, until } = flags
  const filter: AuditFilter = {
    actor,
    action,
    object,
    since: since === undefined ? undefined : pointInTime('--since', since),
    until: until === undefined ? undefined : pointInTime('--until', until),
  }
  const ogent = await connect(flags)
  try {
    if (flags.json) {
      for await (const record of records(ogent, filter, flags.limit)) await writeJson(record)
      return 0
    }
    const found: AuditRecord[] = []
    for await (const record of records(ogent, filter, flags.limit)) found.push(record)
    await writeTable(columns.map(([title, cell]) => [title, ...found.map(cell)]))
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent audit export`: all of it, as lines of JSON. */
export async function auditExportCommand(flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    for await (const part of ogent.audit.export()) await write(process.stdout, part)
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent audit verify`: whether the records are those that were written, of an export or of a controller. Exits 1 where not. */
export async function auditVerifyCommand(flags: AuditVerifyFlags): Promise<number> {
  if (flags.file !== undefined && flags.witnesses)
    throw new UsageError(
      '--witnesses asks a controller: leave --file out, or keep their checkpoints in a file',
    )
  const anchors = (flags.checkpoint ?? []).flatMap(checkpointsIn)
  const verification = new AuditVerification()
  if (flags.file === undefined) {
    const ogent = await connect(flags)
    try {
      // First: what is recorded after that is in the export as well.
      if (flags.witnesses) anchors.push(...(await witnessed(ogent)))
      for await (const line of linesOf(ogent.audit.export())) verification.read(line)
    } finally {
      await ogent.close()
    }
  } else {
    for await (const line of linesIn(flags.file)) verification.read(line)
  }
  const verdict = verification.verdict(anchors)
  if (flags.json) await writeJson(verdict)
  else await write(process.stdout, forPeople(verdict, new Set(flags.checkpoint ?? [])))
  return verdict.ok ? 0 : 1
}

async function* records(
  ogent: OgentClient,
  filter: AuditFilter,
  limit: number,
): AsyncGenerator<AuditRecord, void> {
  let cursor: string | undefined
  let left = limit
  while (left > 0) {
    const page = await ogent.audit.list({ ...filter, limit: Math.min(left, PAGE), cursor })
    yield* page.records
    left -= page.records.length
    if (page.next_cursor === null) return
    cursor = page.next_cursor
  }
}

const columns: [title: string, cell: (record: AuditRecord) => string][] = [
  ['TIME', ({ timestamp }) => shownTime(timestamp.replace(/\.\d+Z$/, 'Z'))],
  ['WHO', ({ actor }) => (actor === null ? '-' : actor.name)],
  ['ACTION', ({ action }) => action],
  ['OBJECT', ({ object }) => object],
  ['VERDICT', ({ verdict }) => verdict],
  ['FROM', ({ ip }) => ip ?? ''],
  ['COMMAND ID', ({ command_id }) => command_id ?? ''],
  ['REASON', ({ reason }) => reason],
]

async function witnessed(ogent: OgentClient): Promise<Anchor[]> {
  const { witnesses } = await ogent.audit.witnesses()
  return witnesses.flatMap(({ agent_id, checkpoints }) =>
    checkpoints.map((checkpoint) => ({ checkpoint, kept_by: agent_id })),
  )
}

/** One checkpoint, a list of them as the API gives it, or lines: what a sink has, or an agent. Records among them count for nothing. */
function checkpointsIn(file: string): Anchor[] {
  const text = readText(file)
  const whole = parsed(text)
  const values =
    whole === undefined
      ? text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map(parsed)
      : listed(whole)
  const found = values.flatMap((value) => auditCheckpointSchema.safeParse(value).data ?? [])
  if (found.length > 0) return found.map((checkpoint) => ({ checkpoint, kept_by: file }))
  throw new UsageError(`--checkpoint: ${file} has no checkpoint in it`)
}

function listed(whole: unknown): unknown[] {
  if (
    typeof whole === 'object' &&
    whole !== null &&
    'checkpoints' in whole &&
    Array.isArray(whole.checkpoints)
  )
    return whole.checkpoints
  return Array.isArray(whole) ? whole : [whole]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw unreadable(file, error)
  }
}

async function* linesIn(file: string): AsyncGenerator<string, void> {
  try {
    yield* createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, cause: unknown): LocalError {
  return new LocalError(
    `${file} cannot be read: ${messageOf(cause)}.`,
    'Name a file that you may read.',
    cause,
  )
}

async function* linesOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of parts) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

function forPeople(verdict: Verdict, files: ReadonlySet<string>): string {
  if (verdict.ok) {
    const [, second] = verdict.chains
    return verdict.chains.map((chain) => `${lineOf(chain, files, second !== undefined)}\n`).join('')
  }
  const { chain, seq, reason } = verdict.break
  if (seq === 0) return `broken: ${printable(reason)}\n`
  return `broken: chain ${printable(chain)}, record ${seq} ${printable(reason)}\n`
}

function lineOf(sound: SoundChain, files: ReadonlySet<string>, named: boolean): string {
  const { chain, first, last, anchored, kept_by } = sound
  const range = `ok: ${first}..${last}`
  const name = named ? ` chain ${printable(chain)}` : ''
  if (kept_by.length === 0) {
    return anchored === 0
      ? `${range} anchored to nothing: it has no checkpoint${name}`
      : `${range} anchored to ${anchored} (by its own checkpoints alone)${name}`
  }
  const count = kept_by.filter((who) => files.has(who)).length
  const parts = [counted(kept_by.length - count, 'witness', 'witnesses'), counted(count, 'file', 'files')]
  return `${range} anchored to ${anchored} (${parts.filter((part) => part !== '').join(', ')})${name}`
}

function counted(count: number, one: string, many: string): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}`
}
