import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { expandHome, homeFolder } from './home.js'

/** Where a controller kept its data before, below the folder that it was started in. */
const BEFORE = '.ogent'

/** The folder that the setting DATA_DIR names, else the usual one. */
export function dataFolder(given: string | undefined): string {
  return given === undefined ? usualDataFolder() : expandHome(given)
}

/**
 * Where a controller keeps its data when no setting says so: in `.ogent` where that is there already, else in the user's folder
 * for state (XDG Base Directory Specification), so that it is the same from whichever folder it is started.
 */
export function usualDataFolder(): string {
  if (existsSync(BEFORE)) return resolve(BEFORE)
  const { XDG_STATE_HOME = '' } = process.env
  // A path that is not absolute is to be ignored, as that specification has it.
  return join(isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homeFolder(), '.local/state'), 'ogent')
}
