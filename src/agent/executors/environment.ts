import { homedir } from 'node:os'
import type { ExecSpec } from '../core/ports.js'

/** Names the command that a process belongs to, so that what a killed agent left behind is found again. */
export const COMMAND_ID_VARIABLE = 'OGENT_COMMAND_ID'

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What every command has of the agent's environment. Nothing else of it: the agent's password is in there. */
export function baseEnvironment(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? DEFAULT_PATH,
    HOME: process.env.HOME ?? homedir(),
    LANG: process.env.LANG ?? 'C.UTF-8',
  }
}

/** The environment of a command: the base, what the request names, and the command's own id. */
export function commandEnvironment(spec: ExecSpec): Record<string, string> {
  return { ...baseEnvironment(), ...spec.env, [COMMAND_ID_VARIABLE]: spec.command_id }
}
