/** Those who do the same work, in the order of the table's columns. */
export const peers = ['floor', 'relay', 'ogent', 'rest', 'ssh', 'ssh2', 'socketio'] as const
export type Peer = (typeof peers)[number]

export const peerNames: Record<Peer, string> = {
  floor: 'local spawn',
  relay: 'bare ws relay',
  ogent: 'Ogent SDK',
  rest: 'Ogent REST',
  ssh: 'ssh, master',
  ssh2: 'ssh2 library',
  socketio: 'socket.io',
}

/** Peers that have a controller between caller and agent. */
export const relayed = ['relay', 'ogent', 'rest', 'socketio'] as const satisfies Peer[]

/** The agent of works 1 to 4. */
export const AGENT = 'agent-0'
/** The agent that answers at once and starts no process. */
export const NO_SPAWN_AGENT = 'no-spawn'

export function fleetAgent(index: number): string {
  return `fleet-${index}`
}
