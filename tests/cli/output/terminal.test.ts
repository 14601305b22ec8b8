import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configOf, ogent } from '../../support/ogent.js'
import { processesOf, until } from '../../support/processes.js'
import { repository } from '../../support/samples.js'
import { needs } from '../../support/services.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  await system.addAgent('agent-2')
})
afterAll(() => system[Symbol.asyncDispose]())

const ESCAPE = '\u001b'
const ERASE = `\r${ESCAPE}[K`

/**
 * What a terminal gets, all of it, from a shell line that calls `ogent`; `type` is what is typed there, at once or when
 * the terminal shows `after`.
 */
async function atTerminal(
  line: string,
  env: Record<string, string> = {},
  type = '',
  after = '',
): Promise<string> {
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
  let said = ''
  let typed = false
  const hear = (data: Buffer | string) => {
    said += data
    if (typed || !said.includes(after)) return
    typed = true
    child.stdin.write(type)
  }
  hear('')
  child.stdout.on('data', hear)
  await once(child, 'close')
  child.stdin.destroy()
  return said
}

describe.skipIf(needs('script'))('at a terminal', () => {
  test('the status line is below the output and gone from it at the end', async () => {
    const said = await atTerminal("ogent run agent-1 -- 'echo one; sleep 1.5; echo two'")
    expect(said).toMatch(/agent-1 · running · [\d.]+m?s · 4 B · Ctrl-C cancels/)
    expect(rowsOf(said)).toEqual(['one', 'two'])
  })

  test('the status line waits for the end of an unfinished row', async () => {
    const said = await atTerminal("ogent run agent-1 -- 'printf half; sleep 1.5; echo whole'")
    // Before the first byte there may be one.
    expect(said.slice(said.indexOf('half'))).toBe('halfwhole\r\n')
    expect(rowsOf(said)).toEqual(['halfwhole'])
  })

  test.each([
    ['--quiet', '--quiet', {}],
    ['a terminal that is dumb', '', { TERM: 'dumb' }],
  ])('there is no status line with %s', async (_what, flag, env) => {
    expect(await atTerminal(`ogent run ${flag} agent-1 -- 'sleep 1; echo hi'`, env)).toBe('hi\r\n')
  })

  test.each([
    ['one agent', 'run --json agent-1 --'],
    ['several', 'run --json agent-1 agent-2 --'],
  ])('JSON lines of %s have a row each, and no status line between them', async (_whom, words) => {
    const rows = (await atTerminal(`ogent ${words} 'sleep 1.2; echo hi'`)).trim().split('\r\n')
    expect(rows.map((row) => typeof JSON.parse(row).type)).toEqual(rows.map(() => 'string'))
  })

  test('JSON lines of ogent follow have no status line either', async () => {
    await system.client().commands.start({ agent_id: 'agent-1', command_id: 'followed', command: 'sleep 2' })
    const rows = (await atTerminal('ogent follow --json followed')).trim().split('\r\n')
    expect(rows.map((row) => typeof JSON.parse(row).type)).toEqual(rows.map(() => 'string'))
  })

  test.each([
    ['one agent', 'agent-1'],
    ['several', 'agent-1 agent-2'],
  ])('the status line of %s says, after a first Ctrl-C, what a second one does', async (_whom, agents) => {
    const line = `ogent run ${agents} -- 'trap "" TERM; while :; do sleep 0.1; done'; true`
    const said = await atTerminal(line, {}, '\u0003', 'Ctrl-C cancels')
    const [before, after = ''] = said.split('again to leave at once')
    expect(before).toContain('Ctrl-C cancels')
    expect(after).toContain('Ctrl-C leaves at once')
    expect(after).not.toContain('Ctrl-C cancels')
  })

  test('times are shown by how long ago they were, and rows of a table are cut', async () => {
    await system
      .client()
      .execute({ agent_id: 'agent-1', command_id: 'timed', command: `echo ${'x'.repeat(300)}` })
    const [head, row] = (await atTerminal('stty cols 80; ogent history --limit 1')).split('\r\n')
    expect(head).toMatch(/^COMMAND ID +AGENT +STATUS +EXIT +CREATED +TIME +COMMAND$/)
    expect(row).toMatch(/^timed +agent-1 +success +0 +(just now|\d+ s ago) +\S+ +echo x+…$/)
    expect(row?.length).toBe(80)
    expect(await atTerminal('ogent show timed')).toMatch(
      /\r\ncreated: +\d{4}-\S+Z \((just now|\d+ s ago)\)\r\n/,
    )
    expect(await atTerminal('ogent agents -o wide')).toMatch(/agent-1 +connected .*(just now|s ago|min ago)/)
  })

  test('the remote command is cancelled when the terminal is closed', async () => {
    const program = `"${process.execPath}" "${repository}dist/cli/main.js" run --id closed agent-1 -- 'echo on; sleep 300'`
    const { username, password } = accounts.operator
    const child = spawn('script', ['-qefc', program, '/dev/null'], {
      env: {
        PATH: process.env.PATH,
        SHELL: '/bin/sh',
        OGENT_URL: system.url,
        OGENT_USERNAME: username,
        OGENT_PASSWORD: password,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    await until('it runs', () => processesOf('closed').length > 0)
    child.kill('SIGKILL')
    await until(
      'it is cancelled',
      async () => (await system.client().commands.get('closed')).status === 'cancelled',
    )
    expect(processesOf('closed')).toEqual([])
  })

  test('names of agents have colours, unless NO_COLOR is set', async () => {
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

  test('a login that has expired is renewed with the password, and stored again', async () => {
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

test('neither status line nor colours are written without a terminal', async () => {
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
