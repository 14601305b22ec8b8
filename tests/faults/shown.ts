import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { OgentClient } from '../../src/client/client.js'
import type { CommandEvent, ResultEvent, StreamName } from '../../src/shared/commands/event.js'
import type { CommandDetail, CommandPage } from '../../src/shared/commands/record.js'
import type { CommandResult } from '../../src/shared/commands/result.js'
import { messageOf } from '../../src/shared/errors.js'
import { ask, bytes, json } from './ask.js'
import { AGENT_ID, credentials } from './plant.js'
import { shownOf, type Truth } from './truth.js'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const streams = ['stdout', 'stderr'] as const

export type Look = {
  command_id: string
  /** The body of the request that made it. */
  request: object
  truth: Truth
  /** MAX_RESULT_OUTPUT_BYTES of the controllers. */
  limit: number
  /** Every controller that runs. */
  urls: string[]
  /** Whether its end may honestly be unknown: then all that is shown is a prefix of the truth. */
  mayBeLost: boolean
  /** Whether to run the command line as well, which takes a while. */
  cli: boolean
}

/** What is wrong with the result that each controller gives of an ended command; empty where all is as it was. */
export async function faultsOfResult(look: Look): Promise<string[]> {
  return collect(look, async (url, faults) => {
    const { result, truth } = await told(look, url, faults)
    if (result) faults.push(...faultsOf('the result', result, truth, look.limit))
  })
}

/**
 * The same of everything that a user can read of it: record, list, result, both streams, events, recording, a late
 * subscriber, and a request that comes again with its id.
 */
export async function faultsOfAll(look: Look, client: (url: string) => OgentClient): Promise<string[]> {
  return collect(look, async (url, faults) => {
    const { detail, result, truth } = await told(look, url, faults)
    if (!result) return
    faults.push(...faultsOf('the result', result, truth, look.limit))
    faults.push(...faultsOfRecord(detail, result))
    const { commands } = await json<CommandPage>(url, `/commands?q=${look.command_id}`)
    const { result: _result, ...record } = detail
    compare(faults, 'the list', commands[0], record)
    for (const stream of streams) {
      const body = await bytes(url, `/commands/${look.command_id}/output?stream=${stream}`)
      if (!body.equals(truth[stream])) faults.push(difference(`/output of ${stream}`, body, truth[stream]))
    }
    const events = await eventsOf(look, url)
    faults.push(...faultsOfEvents(events, result, truth))
    faults.push(...(await faultsOfRecording(look, url)))
    faults.push(...(await faultsOfSubscriber(look, client(url), result, truth)))
    compare(faults, 'the request that came again', await repeated(look, url), result)
    if (look.cli) faults.push(...(await faultsOfCli(look, url)))
  })
}

async function collect(
  { urls }: Look,
  inspect: (url: string, faults: string[]) => Promise<void>,
): Promise<string[]> {
  const all: string[] = []
  for (const [index, url] of urls.entries()) {
    const faults: string[] = []
    try {
      await inspect(url, faults)
    } catch (error) {
      faults.push(`it could not be read: ${messageOf(error)}`)
    }
    all.push(...faults.map((fault) => `controller ${index} of ${urls.length}: ${fault}`))
  }
  return all
}

/** How the controller tells that the command ended, and what it may have shown then. */
async function told(look: Look, url: string, faults: string[]) {
  const { command_id, truth, mayBeLost } = look
  const detail = await json<CommandDetail>(url, `/commands/${command_id}?encoding=base64`)
  const { result, status } = detail
  // Given up, and alive after all: its end is still to come.
  if (!result && mayBeLost) return { detail, result, truth }
  if (!result) faults.push(`there is no result, its status is ${status}`)
  if (status === 'lost' && mayBeLost) return { detail, result, truth: await keptOf(look, url, faults) }
  const wanted = truth.exitCode === 0 ? 'success' : 'error'
  if (status !== wanted) faults.push(`its status is ${status}, not ${wanted}`)
  if (result && result.exit_code !== truth.exitCode) faults.push(`its exit code is ${result.exit_code}`)
  return { detail, result, truth }
}

/** What is stored of a command that was lost has to be how its output began. */
async function keptOf({ command_id, truth }: Look, url: string, faults: string[]): Promise<Truth> {
  const kept = { ...truth }
  for (const stream of streams) {
    kept[stream] = await bytes(url, `/commands/${command_id}/output?stream=${stream}`)
    const begin = truth[stream].subarray(0, kept[stream].length)
    if (!kept[stream].equals(begin))
      faults.push(difference(`the ${stream} of a lost command`, kept[stream], begin))
  }
  return kept
}

function faultsOf(what: string, result: CommandResult, truth: Truth, limit: number): string[] {
  const faults: string[] = []
  for (const stream of streams) {
    const right = shownOf(truth[stream], limit)
    const text = Buffer.from(result[stream], 'base64')
    if (!text.equals(right.text)) faults.push(difference(`${stream} in ${what}`, text, right.text))
    compare(faults, `${stream}_bytes of ${what}`, result[`${stream}_bytes`], right.bytes)
    compare(faults, `${stream}_sha256 of ${what}`, result[`${stream}_sha256`], right.sha256)
    compare(faults, `${stream}_truncated of ${what}`, result[`${stream}_truncated`], right.truncated)
  }
  return faults
}

/** The record says what its result says. */
function faultsOfRecord(detail: CommandDetail, result: CommandResult): string[] {
  const faults: string[] = []
  const names = [
    'exit_code',
    'signal',
    'reason',
    'duration_ms',
    'stdout_bytes',
    'stderr_bytes',
    'execution_type',
    'target',
  ] as const
  for (const name of names) compare(faults, `${name} of the record`, detail[name], result[name])
  return faults
}

/** The events of one command: numbered without a hole, each stream whole and in its order, one result at the end. */
function faultsOfEvents(events: Sent[], result: CommandResult, truth: Truth): string[] {
  const faults: string[] = []
  const parts: Record<StreamName, Buffer[]> = { stdout: [], stderr: [] }
  const offsets = { stdout: 0, stderr: 0 }
  for (const [at, { id, event }] of events.entries()) {
    const before = events[at - 1]
    if (before && id <= before.id) faults.push(`event ${id} comes after event ${before.id}`)
    if (event.type !== 'command_progress' || event.state !== 'output') continue
    const data = Buffer.from(event.data, 'base64')
    compare(faults, `the offset of event ${id}`, event.offset, offsets[event.stream])
    compare(faults, `the bytes of event ${id}`, event.bytes, data.length)
    offsets[event.stream] += data.length
    parts[event.stream].push(data)
  }
  for (const stream of streams) {
    const whole = Buffer.concat(parts[stream])
    if (!whole.equals(truth[stream])) faults.push(difference(`${stream} of /events`, whole, truth[stream]))
  }
  const results = events.flatMap(({ event }): ResultEvent[] =>
    event.type === 'command_result' ? [event] : [],
  )
  compare(faults, 'the number of results of /events', results.length, 1)
  compare(faults, 'the result of /events', results.at(-1)?.result, result)
  if (events.at(-1)?.event.type !== 'command_result') faults.push('the result is not the last of /events')
  return faults
}

/** The recording is the text of the events, with the ends of its lines as a terminal takes them. */
async function faultsOfRecording(look: Look, url: string): Promise<string[]> {
  const { command_id } = look
  const cast = (await bytes(url, `/commands/${command_id}/recording.cast`)).toString()
  const [, ...lines] = cast.split('\n').filter((line) => line !== '')
  // Lines of asciicast v2: a time, a kind, a text.
  const pieces = lines.map((line) => JSON.parse(line) as [number, string, string])
  const shown = pieces.map(([, , text]) => text).join('')
  const decoders = { stdout: decoder(), stderr: decoder() }
  let told = ''
  for (const { event } of await eventsOf(look, url)) {
    if (event.type !== 'command_progress' || event.state !== 'output') continue
    told += decoders[event.stream].decode(Buffer.from(event.data, 'base64'), { stream: true })
  }
  for (const each of Object.values(decoders)) told += each.decode()
  const right = told.replaceAll('\n', '\r\n')
  return shown === right ? [] : [difference('the recording', Buffer.from(shown), Buffer.from(right))]
}

/** Somebody who comes with the SDK when all is over. */
async function faultsOfSubscriber(look: Look, ogent: OgentClient, result: CommandResult, truth: Truth) {
  const faults: string[] = []
  try {
    const run = ogent.commands.attach(look.command_id)
    const parts: Record<StreamName, Uint8Array[]> = { stdout: [], stderr: [] }
    for await (const { stream, data } of run.output) parts[stream].push(data)
    for (const stream of streams) {
      const whole = Buffer.concat(parts[stream])
      if (!whole.equals(truth[stream])) faults.push(difference(`${stream} of the SDK`, whole, truth[stream]))
    }
    const outcome = await run
    const { command_id: _id, status: _status, agent_id: _agent, encoding, stdout, stderr, ...rest } = outcome
    const { stdout: out, stderr: err, ...right } = result
    compare(faults, 'the outcome of the SDK', rest, right)
    compare(faults, 'the encoding of the outcome', encoding, 'utf8')
    compare(faults, 'stdout of the outcome', stdout, text(out))
    compare(faults, 'stderr of the outcome', stderr, text(err))
  } finally {
    await ogent.close()
  }
  return faults
}

/** The reply to the request that made the command, when it comes again; its texts as base64. */
async function repeated({ command_id, request }: Look, url: string): Promise<unknown> {
  const reply = await ask(url, `/agents/${AGENT_ID}/execute`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': command_id },
    body: JSON.stringify({ ...request, encoding: 'base64' }),
  })
  // The documented reply: the result event, or the problem.
  const body = (await reply.json()) as { result?: unknown }
  return body.result ?? body
}

/** `ogent show`, for programs and for people. */
async function faultsOfCli({ command_id }: Look, url: string): Promise<string[]> {
  const faults: string[] = []
  const detail = await json<CommandDetail>(url, `/commands/${command_id}`)
  compare(faults, 'ogent show --json', JSON.parse(await ogent(url, ['show', command_id, '--json'])), detail)
  const said = await ogent(url, ['show', command_id])
  for (const stream of streams) {
    const text = detail.result?.[stream] ?? ''
    if (!said.includes(text)) faults.push(`ogent show does not print the ${stream} of the result`)
  }
  return faults
}

async function ogent(url: string, args: string[]): Promise<string> {
  const { PATH = '' } = process.env
  const login = { OGENT_URL: url, OGENT_USERNAME: credentials.username, OGENT_PASSWORD: credentials.password }
  const env = { PATH, ...login, XDG_CONFIG_HOME: '/nonexistent' }
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env, maxBuffer: 2 ** 28 })
  return stdout
}

type Sent = { id: number; event: CommandEvent }

async function eventsOf({ command_id }: Look, url: string): Promise<Sent[]> {
  const body = (await bytes(url, `/commands/${command_id}/events?encoding=base64`)).toString()
  return body.split('\n\n').flatMap((block): Sent[] => {
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const colon = line.indexOf(': ')
        return [line.slice(0, colon), line.slice(colon + 2)]
      }),
    )
    const data = fields.get('data')
    // Events as the contract has them.
    return data === undefined
      ? []
      : [{ id: Number(fields.get('id')), event: JSON.parse(data) as CommandEvent }]
  })
}

function compare(faults: string[], what: string, got: unknown, right: unknown): void {
  const [a, b] = [JSON.stringify(sorted(got)), JSON.stringify(sorted(right))]
  if (a !== b) faults.push(`${what} is ${cut(a)}, not ${cut(b)}`)
}

/** An object with its fields in one order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Where two texts part, and how long they are. */
function difference(what: string, got: Buffer, right: Buffer): string {
  let at = 0
  while (at < got.length && got[at] === right[at]) at += 1
  const near = (data: Buffer) => JSON.stringify(data.subarray(at, at + 40).toString())
  return `${what} has ${got.length} bytes for ${right.length} and differs at ${at}: ${near(got)} for ${near(right)}`
}

function cut(said: string | undefined): string {
  return said === undefined || said.length < 300 ? String(said) : `${said.slice(0, 300)}… (${digest(said)})`
}

function digest(said: string): string {
  return createHash('sha256').update(said).digest('hex').slice(0, 8)
}

function text(base64: string): string {
  return decoder().decode(Buffer.from(base64, 'base64'))
}

function decoder() {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
