/** Takes bytes of stdout as they come. */
export type Sink = (data: Uint8Array) => void

/** How one peer runs commands, seen from the process that asks for them. */
export interface Caller {
  /** Runs a command to its end; gives its exit code. `live`: the output is wanted as it comes. */
  run(agent: string, command: string, sink: Sink, live: boolean): Promise<number | null>
  /** Starts a command that others may follow by the id that this gives. */
  start?(agent: string, command: string): Promise<string>
  /** Joins a command under way: `joined` when output will come, `ended` when it is over. */
  follow?(id: string, sink: Sink): { joined: Promise<void>; ended: Promise<void> }
  close(): Promise<void>
}

export type SshServer = { port: number; username: string; keyPath: string; hostFingerprint: string }

/** What a caller's process is told about where its peer is. */
export type Place =
  | { peer: 'floor' }
  | { peer: 'relay' | 'socketio'; url: string }
  | { peer: 'ogent' | 'rest'; url: string; username: string; password: string }
  | { peer: 'ssh'; program: string; targets: { control: string; destination: string }[] }
  | ({ peer: 'ssh2'; connections: number } & SshServer)
  | ({ peer: 'executor' } & SshServer)

/** Each peer's own library is loaded by its own process alone: memory makes every fork slower. */
export async function openCaller(place: Place): Promise<Caller> {
  switch (place.peer) {
    case 'floor':
      return (await import('./floor.js')).floorCaller()
    case 'relay':
      return (await import('./relay.js')).relayCaller(place.url)
    case 'socketio':
      return (await import('./socketio.js')).socketioCaller(place.url)
    case 'ogent':
      return (await import('./ogent.js')).ogentCaller(place)
    case 'rest':
      return (await import('./rest.js')).restCaller(place)
    case 'ssh':
      return (await import('./ssh.js')).sshCaller(place.program, place.targets)
    case 'ssh2':
      return (await import('./ssh2.js')).ssh2Caller(place)
    case 'executor':
      return (await import('./executor.js')).executorCaller(place)
  }
}

/** `fleet-37` → 37, for peers whose targets are numbered connections. */
export function numberOf(agent: string): number {
  return Number(agent.slice(agent.lastIndexOf('-') + 1)) || 0
}
