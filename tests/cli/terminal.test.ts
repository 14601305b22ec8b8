import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configOf, ogent } from '../support/ogent.js'
import { repository } from '../support/samples.js'
import { needs } from '../support/services.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  await system.addAgent('agent-2')
})
afterAll(() => system[Symbol.asyncDispose]())

const ESCAPE = '\u001b'
const ERASE = `\r${ESCAPE}[K`

/** What a terminal gets, all of it, from a shell line that calls `ogent`; `type` is what is typed there. */
async function atTerminal(line: string, env: Record<string, string> = {}, type = ''): Promise<string> {
  const { username, password } = accounts.operator
  const program = `ogent() { "${process.execPath}" "${repository}dist/cli/main.js" "$@"; }; ${line}`
  const child = spawn('script', ['-qefc', program, '/dev/null'], {
    env: {
      PATH: process.env.PATH,
      SHELL: '/bin/sh',
      TERM: 'xterm',
      XDG_CONFIG_HOME: configOf(system),
      OGENT_URL: system.url,
      OGENT_USERNAME: username,
      OGENT_PASSWORD: password,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const said = text(child.stdout)
  child.stdin.write(type)
  await once(child, 'exit')
  child.stdin.destroy()
  return said
}

describe.skipIf(needs('script'))('at a terminal', () => {
  test('a status line is below the output and gone from it at the end', async () => {
    const said = await atTerminal("ogent run agent-1 -- 'echo one; sleep 1.5; echo two'")
    expect(said).toMatch(/agent-1 · running · [\d.]+ m?s · 4 B · Ctrl-C cancels/)
    expect(rowsOf(said)).toEqual(['one', 'two'])
  })

  test('the status line waits for the end of a row that is not ended', async () => {
    const said = await atTerminal("ogent run agent-1 -- 'printf half; sleep 1.5; echo whole'")
    expect(said).toBe('halfwhole\r\n')
  })

  test('a quick command has none', async () => {
    expect(await atTerminal('ogent run agent-1 -- echo hi')).toBe('hi\r\n')
  })

  test.each([
    ['--quiet', '--quiet', {}],
    ['a terminal that is dumb', '', { TERM: 'dumb' }],
  ])('%s has none', async (_what, flag, env) => {
    expect(await atTerminal(`ogent run ${flag} agent-1 -- 'sleep 1; echo hi'`, env)).toBe('hi\r\n')
  })

  test('names of agents have colours, unless NO_COLOR says no', async () => {
    const line = 'ogent run agent-1 agent-2 -- echo hi 2> /dev/null'
    expect(await atTerminal(line)).toContain(`${ESCAPE}[31magent-1${ESCAPE}[39m | hi`)
    const plain = await atTerminal("ogent run agent-1 agent-2 -- 'sleep 1; echo hi'", { NO_COLOR: '1' })
    expect(plain).toContain('2 running')
    expect(plain.replaceAll(ERASE, '')).not.toContain(ESCAPE)
  })

  test('the password is asked for, and not shown', async () => {
    const nobody = { OGENT_USERNAME: '', OGENT_PASSWORD: '', XDG_CONFIG_HOME: join(system.folder, 'asked') }
    const { username, password } = accounts.operator
    const said = await atTerminal(`ogent login --username ${username}`, nobody, `${password}\r`)
    expect(said).toContain(`Password of ${username}: `)
    expect(said).toContain('is logged in')
    // The kernel may echo what was typed before the question came; the program itself shows nothing.
    expect(said.split('Password of')[1]).not.toContain(password)
  })

  test('a login that has ended is renewed by the password, and kept again', async () => {
    const folder = join(system.folder, 'renewed')
    const nobody = { OGENT_USERNAME: '', OGENT_PASSWORD: '', XDG_CONFIG_HOME: folder }
    const { username, password } = accounts.operator
    const login = ['login', '--username', username, '--password-stdin']
    await ogent(system, login, { env: nobody, stdin: password })
    const file = join(folder, 'ogent/login.json')
    const old = readFileSync(file, 'utf8').replace(/("expires_at": ")[^"]+/, '$12020-01-01T00:00:00Z')
    writeFileSync(file, old)
    const said = await atTerminal('ogent agents', nobody, `${password}\r`)
    expect(said).toContain(`Password of ${username} at ${system.url}: `)
    expect(said).toMatch(/agent-1 +connected/)
    expect(await ogent(system, ['agents'], { env: nobody })).toMatchObject({ code: 0 })
  })
})

test('elsewhere nothing of the sort is written', async () => {
  const { stdout, stderr } = await ogent(system, ['run', 'agent-1', 'agent-2', '--', 'sleep 1; echo hi'])
  expect(stdout + stderr).not.toContain(ESCAPE)
  expect(stderr).not.toContain('running')
})

/** The rows that a terminal shows in the end: what was erased is not among them. */
function rowsOf(said: string): string[] {
  return said
    .split('\r\n')
    .map((row) => row.split(ERASE).at(-1) ?? '')
    .filter((row) => row !== '')
}
