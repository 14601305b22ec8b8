import { accessSync, constants } from 'node:fs'
import { homeFolder } from '../../host/home.js'
import type { ExecSpec } from '../commands/ports.js'

/** Names the command that a process belongs to, so that what a killed agent left behind is found again. */
export const COMMAND_ID_VARIABLE = 'OGENT_COMMAND_ID'

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What every command has of the agent's environment. Nothing else of it: the agent's password is in there. */
export function baseEnvironment(): Record<'PATH' | 'HOME' | 'LANG', string> {
  // A variable that is empty counts as one that is not set: an empty PATH would mean the working folder.
  return {
    PATH: process.env.PATH || DEFAULT_PATH,
    HOME: homeFolder(),
    LANG: process.env.LANG || 'C.UTF-8',
  }
}

/** The environment of a command: the base, what the request names, and the command's own id. */
export function commandEnvironment(spec: ExecSpec): Record<string, string> {
  return { ...baseEnvironment(), ...spec.env, [COMMAND_ID_VARIABLE]: spec.command_id }
}

/** Where commands start that name no folder, when the home folder cannot be entered. */
export const LAST_RESORT_FOLDER = '/'

/** What an operator should hear at the start of the environment that commands get. */
export function environmentNotices(): string[] {
  const notices: string[] = []
  const { HOME, PATH } = process.env
  const home = homeFolder()
  if (HOME === '') notices.push(`HOME is empty: commands get ${home} instead.`)
  try {
    // The slash asks for a folder.
    accessSync(`${home}/`, constants.X_OK)
  } catch {
    notices.push(`HOME is ${home}, which cannot be entered: commands that name no folder start in /.`)
  }
  if (PATH === '') notices.push(`PATH is empty: commands get ${DEFAULT_PATH} instead.`)
  return notices
}
