import { runShell } from '../roles/shell.js'
import type { Caller } from './caller.js'

/** The physical floor: the caller spawns the command itself. */
export function floorCaller(): Caller {
  return {
    run: (_agent, command, sink) =>
      runShell(command, (stream, data) => {
        if (stream === 'stdout') sink(data)
      }),
    close: async () => {},
  }
}
