import type { Call } from './call.js'
import { codeCarriers } from './code.js'
import { remoteCarriers } from './remote.js'
import { repeaters } from './repeaters.js'
import type { Outcome } from './session.js'
import { shells } from './shells.js'

/** Reads what a program runs in its turn; undefined for a program that runs nothing else. */
export function carry(call: Call): Outcome | undefined {
  const work = carriers[call.invocation.program]
  return work?.(call)
}

const carriers: Record<string, (call: Call) => Outcome | undefined> = {
  ...shells,
  ...repeaters,
  ...remoteCarriers,
  ...codeCarriers,
}
