import type { StreamName } from './shell.js'

/** The events of the socket.io peer: what a plain build of the same system sends. */
export type Execute = { id: string; agent: string; command: string }
export type Output = { id: string; stream: StreamName; data: Uint8Array }
export type Result = { id: string; code: number | null }

export type FromPeer = {
  execute: (order: Execute) => void
  follow: (id: string, joined: () => void) => void
  output: (output: Output) => void
  result: (result: Result) => void
}

export type ToPeer = {
  execute: (order: Execute) => void
  output: (output: Output) => void
  result: (result: Result) => void
}
