import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { BackgroundProgram } from './background.js'
import { temporaryFolder } from './folder.js'
import { repository } from './samples.js'
import { accounts, type System } from './system.js'

export const PROGRAM = 'ogent-agent.mjs'
export const builtBundle = `${repository}dist/bundle/`

/** The bundled agent alone in a folder that has nothing else, registered; `await using` ends it and removes the folder. */
export async function startBundle(system: System, agent_id: string, settings: Record<string, string> = {}) {
  const folder = temporaryFolder('ogent-bundle-')
  copyFileSync(join(builtBundle, PROGRAM), join(folder.path, PROGRAM))
  const program = new BackgroundProgram(process.execPath, [PROGRAM], {
    cwd: folder.path,
    env: {
      HOME: folder.path,
      CONTROLLER_URL: system.url,
      AGENT_USERNAME: accounts.agent.username,
      AGENT_PASSWORD: accounts.agent.password,
      AGENT_ID: agent_id,
      AGENT_STATE_DIR: join(folder.path, 'state'),
      ...settings,
    },
  })
  const dispose = async () => {
    await program.stop()
    folder[Symbol.dispose]()
  }
  try {
    await program.line(/^Ogent agent (\S+) on /)
  } catch (error) {
    await dispose()
    throw error
  }
  return { program, folder: folder.path, [Symbol.asyncDispose]: dispose }
}
