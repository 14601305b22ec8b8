import type { TransportServices } from '../services.js'
import type { SocketGate } from './gate.js'

/**
 * A place for an answer that is to be built: first of its socket, so that one that does not read keeps no other waiting,
 * then of its account, then in memory.
 */
export async function admitOnSocket(
  { quotas, answers }: TransportServices,
  gate: SocketGate,
  account: string,
  bytes: number,
): Promise<() => void> {
  const leaves: (() => void)[] = []
  const leave = () => {
    for (const each of leaves.splice(0)) each()
  }
  try {
    while (true) {
      leaves.push(await gate.reserveAnswer(bytes))
      leaves.push(await quotas.reads.take(account))
      leaves.push(await answers.build(account, bytes))
      gate.assertOpen()
      // Meanwhile others may have filled it; what holds memory must not wait for a reader.
      if (!gate.full) return leave
      leave()
    }
  } catch (error) {
    leave()
    throw error
  }
}
