import { type Bench, messageOf } from '../bench.js'
import { type Peer, peerNames } from '../peers.js'
import { startFloor } from './floor.js'
import { startOgent } from './ogent.js'
import { startSockets } from './sockets.js'
import { startSsh } from './ssh.js'
import type { System } from './system.js'

/** Brings up every peer that this machine has; the others are named. */
export async function startPeers(bench: Bench): Promise<void> {
  const { stage } = bench
  const starts: { peers: Peer[]; start: () => Promise<System[]> }[] = [
    { peers: ['floor'], start: async () => [await startFloor(stage)] },
    { peers: ['relay'], start: async () => [await startSockets(stage, 'relay')] },
    { peers: ['ogent', 'rest'], start: () => startOgent(stage) },
    { peers: ['ssh', 'ssh2'], start: () => startSsh(stage) },
    { peers: ['socketio'], start: async () => [await startSockets(stage, 'socketio')] },
  ]
  bench.say('all peers start')
  const begun = starts.map(({ peers, start }) => ({ peers, started: start() }))
  await Promise.allSettled(begun.map(({ started }) => started))
  for (const { peers, started } of begun) {
    try {
      bench.systems.push(...(await started))
    } catch (error) {
      const names = peers.map((peer) => peerNames[peer]).join(', ')
      bench.note(`Skipped: ${names}: ${messageOf(error)}.`)
    }
  }
}
