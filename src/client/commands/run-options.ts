import type { Encoding } from '../../shared/commands/request.js'
import type { InputStream } from './input-stream.js'
import type { OpenStream } from './resumable-stream.js'
import type { SenderOptions } from './stdin.js'

/** What a run is made of. */
export type RunOptions = {
  command_id: string
  /** The agent and the command's text, where they are known before its first event. */
  agent_id?: string
  command?: string
  encoding: Encoding
  /** The subscription that the run lives on. */
  main: OpenStream
  /** A further look at the same command, from a sequence on. */
  follow: (from_seq: number) => OpenStream
  from_seq: number
  /** Whether `main` starts the command; else it is one that is there. */
  starts: boolean
  /** Whether `main` must stay open to the end: it is the lease of an `on_disconnect: 'cancel'`. */
  lease: boolean
  cancel: () => Promise<void>
  renewToken: () => boolean
  firstContactMs: number
  /** Aborted, it cancels the command where `main` starts it; else it ends the listening. */
  signal?: AbortSignal | undefined
  /** Whether a command that does not succeed makes the run fail; false. */
  throwOnError?: boolean | undefined
  /** How its standard input is written to, and from which stream, where it is open. */
  stdin?: { send: SenderOptions['send']; stream?: InputStream | undefined } | undefined
}
