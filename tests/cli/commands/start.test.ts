import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'

const main = join(repository, 'dist/cli/main.js')

/** A guard against hanging alone: each start loads three programs, which a busy machine takes its time for. */
const GUARD_MS = 300_000
vi.setConfig({ testTimeout: 2 * GUARD_MS })

/** `ogent start` in an empty folder, until the test has what it looks for; SIGINT ends it. */
async function started(
  env: Record<string, string>,
  holds: (said: string) => boolean,
  cwd?: string,
): Promise<{ said: string; code: number | null }> {
  using folder = temporaryFolder()
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [main, 'start'], {
    cwd: cwd ?? folder.path,
    env: { PATH, HOME, XDG_STATE_HOME: cwd ?? folder.path, PORT: '0', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      said += data
    })
  }
  const ended = once(child, 'close')
  try {
    await until('it has said so', () => holds(said) || child.exitCode !== null, GUARD_MS)
  } finally {
    child.kill('SIGINT')
    await ended
  }
  return { said, code: child.exitCode }
}

/** Makes a controller write each line by itself, with a pause before it, and one more when it is ready. */
const slowly = `data:text/javascript,${encodeURIComponent(`
  if (process.argv[2] === 'controller') {
    const write = process.stdout.write.bind(process.stdout)
    let at = Promise.resolve()
    process.stdout.write = (text) => {
      const lines = text.split(/(?<=\\n)/)
      if (text.includes('Ogent controller on')) lines.push('one more line\\n')
      for (const line of lines) at = at.then(() => new Promise((done) => setTimeout(done, 300))).then(() => write(line))
      return true
    }
  }`)}`

test('ogent start prints the password that it generated before the address, and later lines after that', async () => {
  const { said, code } = await started({ NODE_OPTIONS: `--import=${slowly}` }, (all) =>
    all.includes('one more line'),
  )
  expect(code).toBe(0)
  const lines = said.split('\n')
  const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line))
  expect(at(/^Password of admin, told only this once: \S+$/)).toBe(0)
  expect(at(/^Ogent controller on http:\/\/127\.0\.0\.1:\d+$/)).toBe(1)
  expect(at(/^One agent is here: local\./)).toBeGreaterThan(1)
  expect(at(/^one more line$/)).toBeGreaterThan(1)
})

test('ogent start prints its address when its agent is connected', async () => {
  using folder = temporaryFolder()
  let ran: Promise<unknown> | undefined
  let outcome: unknown
  const env = {
    ADMIN_PASSWORD: 'choose-a-password',
    OGENT_USERNAME: 'admin',
    OGENT_PASSWORD: 'choose-a-password',
  }
  const { code } = await started(
    env,
    (all) => {
      const url = all.match(/^Ogent controller on (\S+)$/m)?.[1]
      if (url === undefined) return false
      const args = [main, 'run', 'local', '--wait', '0', '--', 'echo here']
      const options = { cwd: folder.path, env: { ...env, OGENT_URL: url, HOME: folder.path } }
      ran ??= run(process.execPath, args, options).then((said) => {
        outcome = said
      })
      return outcome !== undefined
    },
    folder.path,
  )
  expect(code).toBe(0)
  await ran
  expect(outcome).toMatchObject({ code: 0, stdout: 'here\n' })
})

test('ogent start links its agent directly where the environment names a proxy', async () => {
  const env = { HTTP_PROXY: 'http://127.0.0.1:9', no_proxy: 'other.example' }
  const { said, code } = await started(env, (all) => all.includes('One agent is here'))
  expect(said).toContain('One agent is here: local.')
  expect(code).toBe(0)
})

test.each([
  ['the controller', { PORT: 'nonsense' }, 'PORT: got "nonsense"'],
  ['the agent', { PORT: '0', AGENT_ID: 'not an id' }, 'AGENT_ID: got "not an id"'],
])('ogent start refuses a wrong setting of %s before it creates anything', async (_whose, env, line) => {
  using folder = temporaryFolder()
  const { code, stdout, stderr } = await run(process.execPath, [main, 'start'], {
    cwd: folder.path,
    env: { ...env, XDG_STATE_HOME: folder.path },
  })
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toMatch(/^ogent: these settings are wrong:\n/)
  expect(stderr).toContain(line)
  expect(existsSync(join(folder.path, 'ogent'))).toBe(false)
})

test('ogent start leaves the accounts unchanged when its controller cannot start', async () => {
  using folder = temporaryFolder()
  const users = () => readFileSync(join(folder.path, 'ogent/users.json'), 'utf8')
  const first = await started({}, (said) => said.includes('One agent is here'), folder.path)
  expect(first.code).toBe(0)
  const port = await taken()
  const before = users()
  const second = await started({ PORT: String(port.number) }, () => false, folder.path)
  port.close()
  expect(second.code).toBe(1)
  expect(users()).toBe(before)
})

/** A port that somebody else listens on. */
async function taken(): Promise<{ number: number; close(): void }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('It listens on no port.')
  return { number: address.port, close: () => server.close() }
}
