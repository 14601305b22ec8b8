import type { Call } from '../call.js'
import { codeCarriers } from '../code.js'
import { entryOf } from '../names.js'
import { hooks } from './hooks.js'
import { remoteCarriers } from './remote.js'
import { repeaters } from './repeaters.js'
import type { Outcome } from './session.js'
import { shells } from './shells.js'

/** Reads what a program runs; undefined for a program that runs no other. */
export function carry(call: Call): Outcome | undefined {
  return entryOf(carriers, call.invocation.program)?.(call)
}

/** Whether a program may run another one. */
export function mayCarry(program: string): boolean {
  return Object.hasOwn(carriers, program)
}

const carriers: Record<string, (call: Call) => Outcome | undefined> = {
  ...shells,
  ...repeaters,
  ...remoteCarriers,
  ...codeCarriers,
  ...hooks,
}
