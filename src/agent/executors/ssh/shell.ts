import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { messageOf } from '../../../shared/errors.js'
import { LEADS, type SessionKind, waitingShell } from './script.js'
import { StreamTap } from './stream-tap.js'

/** How long the greeting on stderr may be behind the one on stdout, in ms. */
const STDERR_MS = 2000

/** How a remote process ended, as the server reports it. */
export type RemoteEnd = { code: number | null; signal: string | null }

/** Why there is no shell. `refused`: the server opens no further session; `gone`: the connection is, or the wish. */
export type NoShell = { kind: 'refused' | 'gone' | 'failed'; message: string }

export type ShellOutcome = { kind: 'shell'; shell: RemoteShell } | NoShell

/** A shell on the target that waits on its own channel for the one line it will run. */
export class RemoteShell {
  readonly channel: ClientChannel
  /** Marks the lines that the shell itself writes. */
  readonly name: string
  readonly stdout: StreamTap
  readonly stderr: StreamTap
  /** When the server has reported the end, or the channel has closed without one. */
  readonly ended: Promise<void>
  /** When the channel is closed and what came over it is read. */
  readonly closed: Promise<void>
  #end: RemoteEnd | undefined
  #pid = 0
  #leads = false
  #readyAt = 0

  constructor(channel: ClientChannel, name: string) {
    this.channel = channel
    this.name = name
    this.stdout = new StreamTap(channel)
    this.stderr = new StreamTap(channel.stderr)
    const closes = [channel, channel.stderr].map(
      (stream) => new Promise<void>((resolve) => void stream.once('close', resolve)),
    )
    this.closed = Promise.all(closes).then(() => {})
    this.ended = new Promise((resolve) => {
      channel.once('exit', (code: number | null, signal?: string) => {
        this.#end = { code, signal: signal ?? null }
        resolve()
      })
      void this.closed.then(resolve)
    })
    // A process may end without reading its input; what became of it tells its exit.
    channel.on('error', () => {})
    channel.stderr.on('error', () => {})
  }

  /** Of the shell, of the command that it becomes, and of their process group. */
  get pid(): number {
    return this.#pid
  }

  /** Whether the group of this number is there: then it is its own. */
  get leads(): boolean {
    return this.#leads
  }

  /** When it said that it is there, by `performance.now()`. */
  get readyAt(): number {
    return this.#readyAt
  }

  /** As far as the server has reported it. */
  get end(): RemoteEnd | undefined {
    return this.#end
  }

  /**
   * Whether the shell has said that it is there: on both streams, so that what the login wrote before is left out of
   * either. Where start files have moved stderr elsewhere, nothing comes on it.
   */
  async greets(signal: AbortSignal): Promise<boolean> {
    const onStderr = this.stderr.line(this.name, signal)
    const line = await this.stdout.line(this.name, signal)
    const [, number, leads] = (line ?? '').split(' ')
    const pid = Number(number)
    if (!Number.isSafeInteger(pid) || pid <= 1) return false
    await resolvesWithin(onStderr, STDERR_MS)
    if (signal.aborted) return false
    this.#pid = pid
    this.#readyAt = performance.now()
    this.#leads = leads === LEADS
    return true
  }

  /** Gives it the line; what is written behind that is the standard input of what runs. */
  run(line: string, stdin = ''): void {
    this.channel.end(line + stdin)
  }

  /** The same with an input that stays open behind `stdin`. What is written has gone as far as the server gives room. */
  runOpen(line: string, stdin = ''): Writable {
    const { channel } = this
    channel.write(line + stdin)
    const input = new Writable({
      write: (data, _encoding, done) => void channel.write(data, done),
      final: (done) => {
        channel.end()
        done()
      },
    })
    input.on('error', () => {})
    void this.ended.then(() => {
      // The channel reports nothing of a write that its end cuts short, and a server may wait for the end of the input.
      input.destroy()
      if (this.#end) channel.eof()
    })
    return input
  }

  /** Releases it: what it still writes is not read. A shell that waits reads the end of its input, and ends. */
  abandon(): void {
    for (const tap of [this.stdout, this.stderr]) tap.flowTo(() => {})
    this.channel.resume()
    this.channel.stderr.resume()
    this.channel.close()
  }
}

/**
 * Opens a session and waits until the shell in it says that it is there, however long the login takes for that: the
 * start files of some take many seconds. An abort of `signal` gives `gone`.
 */
export function openShell(client: Client, kind: SessionKind, signal: AbortSignal): Promise<ShellOutcome> {
  const name = `ogent-${randomBytes(8).toString('hex')}`
  return new Promise((resolve) => {
    try {
      client.exec(waitingShell(name, kind), (error, channel) => {
        resolve(error ? noChannel(error) : greeted(new RemoteShell(channel, name), signal))
      })
    } catch (cause) {
      // ssh2 throws when the socket is no longer writable.
      resolve({ kind: 'gone', message: messageOf(cause) })
    }
  })
}

function noChannel(error: Error): NoShell {
  // Only a reply of the server to the request for a channel has a reason (RFC 4254, section 5.1).
  return { kind: 'reason' in error ? 'refused' : 'gone', message: error.message }
}

async function greeted(shell: RemoteShell, signal: AbortSignal): Promise<ShellOutcome> {
  if (await shell.greets(signal)) return { kind: 'shell', shell }
  const said = `${shell.stderr.held} ${shell.stdout.held}`.trim().slice(0, 200)
  // A login that hangs would go on behind a closed channel. OpenSSH passes signals on, though not to root's processes.
  if (signal.aborted) shell.channel.signal('KILL')
  shell.abandon()
  if (signal.aborted) return { kind: 'gone', message: 'the login shell did not run /bin/sh' }
  await shell.ended
  const { end } = shell
  if (!end) return { kind: 'gone', message: 'the session closed before its shell was there' }
  const how = end.signal ?? `code ${end.code}`
  return { kind: 'failed', message: `the login shell ended (${how}) instead of running /bin/sh: ${said}` }
}
