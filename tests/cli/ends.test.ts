import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { until } from '../support/processes.js'
import { Role } from '../support/roles.js'
import { repository } from '../support/samples.js'

const main = join(repository, 'dist/cli/main.js')
const GUARD_MS = 300_000

/** Processes that work in this folder: all that was started there, wherever it went. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === folder && isAlive(name)
    } catch {
      return false
    }
  })
}

/** What has ended and waits for its parent is no process any more. */
function isAlive(pid: string): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
}

/** A program in a folder of its own, in a group of its own, until it has said so. */
async function started(folder: string, file: string, args: string[], says: RegExp, env = {}) {
  const { PATH = '' } = process.env
  const child = spawn(file, args, {
    cwd: folder,
    env: { PATH, HOME: folder, TMPDIR: folder, PORT: '0', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      said += data
    })
  }
  await until(`it says ${says}`, () => says.test(said) || child.exitCode !== null, GUARD_MS)
  if (!says.test(said)) throw new Error(`It ended without saying ${says}:\n${said}`)
  return { child, text: () => said }
}

const nothingIn = (folder: string) =>
  until('nothing of it runs any more', () => processesIn(folder).length === 0, GUARD_MS)

async function ends(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

describe('ogent start', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends both roles in order at %s',
    async (signal) => {
      using folder = temporaryFolder()
      const { child, text } = await started(
        folder.path,
        process.execPath,
        [main, 'start'],
        /One agent is here/,
      )
      child.kill(signal)
      expect(await ends(child)).toBe(0)
      expect(processesIn(folder.path)).toEqual([])
      expect(text()).toContain('agent has stopped')
      expect(text()).toContain('controller has stopped')
    },
    300_000,
  )

  test('leaves nothing running when it is killed', async () => {
    using folder = temporaryFolder()
    const { child, text } = await started(folder.path, process.execPath, [main, 'start'], /One agent is here/)
    expect(processesIn(folder.path).length).toBeGreaterThanOrEqual(3)
    child.kill('SIGKILL')
    await ends(child)
    await nothingIn(folder.path)
    await until(
      'both have told of their end',
      () => /agent has stopped/.test(text()) && /controller has stopped/.test(text()),
    )
  }, 300_000)

  test('leaves nothing running when its terminal is killed', async () => {
    using folder = temporaryFolder()
    const call = `exec "${process.execPath}" "${main}" start`
    const { child } = await started(folder.path, 'script', ['-qefc', call, '/dev/null'], /One agent is here/)
    child.kill('SIGKILL')
    await ends(child)
    await nothingIn(folder.path)
    // In order: the lock of each folder was given back.
    for (const lock of ['controller.lock', 'agent/agent.lock']) {
      expect(existsSync(join(folder.path, '.local/state/ogent', lock)), lock).toBe(false)
    }
  }, 300_000)
})

test.each(['SIGHUP', 'SIGTERM', 'SIGINT'] as const)(
  'a controller and an agent end in order at %s',
  async (signal) => {
    using folder = temporaryFolder()
    const ADMIN_PASSWORD = 'a-password-of-its-own'
    const env = { PORT: '0', DATA_DIR: join(folder.path, 'controller'), ADMIN_PASSWORD }
    await using controller = Role.controller(env)
    const [, CONTROLLER_URL = ''] = await controller.says(/^Ogent controller on (\S+)$/, GUARD_MS)
    await using agent = Role.agent({
      CONTROLLER_URL,
      AGENT_USERNAME: 'admin',
      AGENT_PASSWORD: ADMIN_PASSWORD,
      AGENT_STATE_DIR: join(folder.path, 'agent'),
    })
    await agent.says(/^Ogent agent /, GUARD_MS)
    for (const role of [agent, controller]) {
      role.signal(signal)
      await role.exited
      expect(role.exitCode).toBe(0)
      expect(role.log).toContain('has stopped')
    }
  },
  300_000,
)

describe('ogent demo', () => {
  test.each(['SIGINT', 'SIGHUP', 'SIGKILL'] as const)(
    'leaves nothing running at %s',
    async (signal) => {
      using folder = temporaryFolder()
      const tmp = join(folder.path, 'tmp')
      mkdirSync(tmp)
      const { child } = await started(
        folder.path,
        process.execPath,
        [main, 'demo'],
        /\[\d+\.\d+ s\] line 1/,
        { TMPDIR: tmp },
      )
      child.kill(signal)
      const code = await ends(child)
      await nothingIn(folder.path)
      if (signal === 'SIGKILL') return
      expect(code).toBe(130)
      expect(readdirSync(tmp).filter((name) => name.startsWith('ogent-demo-'))).toEqual([])
    },
    300_000,
  )
})
