import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toCommand } from '../../src/cli/run.js'
import { processesOf, until } from '../support/processes.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

function start(args: string[], env: Record<string, string> = {}) {
  const { username, password } = accounts.operator
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: {
      PATH: process.env.PATH,
      OGENT_URL: system.url,
      OGENT_USERNAME: username,
      OGENT_PASSWORD: password,
      ...env,
    },
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => {
    said.stdout += data
  })
  child.stderr.on('data', (data) => {
    said.stderr += data
  })
  const ended = once(child, 'close').then(([code]) => ({ code, ...said }))
  return { child, said, ended }
}

const ogent = (args: string[], env?: Record<string, string>) => start(args, env).ended

describe('ogent run', () => {
  test('gives stdout to stdout, stderr to stderr and the exit code as its own', async () => {
    expect(await ogent(['run', 'agent-1', '--', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('passes bytes through untouched', async () => {
    const { child, ended } = start(['run', 'agent-1', '--', 'head -c 1000000 /dev/zero; printf "\\377\\376"'])
    let bytes = 0
    let last = Buffer.alloc(0)
    child.stdout.on('data', (data: Buffer) => {
      bytes += data.length
      last = Buffer.concat([last, data]).subarray(-2)
    })
    expect((await ended).code).toBe(0)
    expect(bytes).toBe(1_000_002)
    expect([...last]).toEqual([0xff, 0xfe])
  })

  test.each([
    ['a time-out', ['--timeout', '0.2', 'agent-1', '--', 'sleep 9'], 124],
    ['a signal', ['agent-1', '--', 'kill -9 $$'], 137],
    ['an unknown agent', ['nobody', '--', 'true'], 69],
    ['no command', ['agent-1'], 64],
    ['an unknown option', ['agent-1', '--nonsense', '--', 'true'], 64],
    ['an unknown target', ['agent-1', '--target', 'moon', '--', 'true'], 64],
  ])('exits by the contract for %s', async (_what, args, code) => {
    expect((await ogent(['run', ...args])).code).toBe(code)
  })

  test('exits 77 and says what to do when nobody is named', async () => {
    const { code, stderr } = await ogent(['run', 'agent-1', '--', 'true'], { OGENT_USERNAME: '' })
    expect(code).toBe(77)
    expect(stderr).toContain('OGENT_USERNAME')
  })

  test('Ctrl-C cancels the remote command and exits 130', async () => {
    const { child, said, ended } = start(['run', '--id', 'ctrl-c', 'agent-1', '--', 'echo on; sleep 300'])
    await until('the command runs', () => said.stdout === 'on\n')
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(processesOf('ctrl-c')).toEqual([])
  })

  test('sends its standard input when asked to, and environment and folder', async () => {
    const { child, ended } = start([
      'run',
      '--stdin',
      '--env',
      'A=1 2',
      '--cwd',
      '/tmp',
      'agent-1',
      '--',
      'cat; echo "$A"; pwd',
    ])
    child.stdin.end('in\n')
    expect(await ended).toMatchObject({ code: 0, stdout: 'in\n1 2\n/tmp\n' })
  })

  test('prints events as JSON lines', async () => {
    const { stdout } = await ogent(['run', '--json', 'agent-1', '--', 'echo hi'])
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events[0]).toMatchObject({ type: 'command_response', command: 'echo hi' })
    expect(events.at(-1)).toMatchObject({ type: 'command_result', status: 'success' })
  })

  test('a reader that closes the pipe ends it, and the remote command with it', async () => {
    const { child, ended } = start(['run', '--id', 'broken-pipe', 'agent-1', '--', 'yes'])
    child.stdout.once('data', () => child.stdout.destroy())
    expect((await ended).code).toBe(141)
    await until('the remote command is gone', () => processesOf('broken-pipe').length === 0)
  })
})

test('words after the dashes are one shell text, or a program and its arguments as they were typed', () => {
  expect(toCommand(['echo a; echo b'])).toBe('echo a; echo b')
  expect(toCommand(['printf', '%s', "it's $HOME", 'plain'])).toBe("printf %s 'it'\\''s $HOME' plain")
})

test('ogent agents lists them, for people and for programs', async () => {
  expect((await ogent(['agents'])).stdout).toMatch(/^AGENT +STATUS.*\nagent-1 +connected/)
  expect(JSON.parse((await ogent(['agents', '--json'])).stdout)).toMatchObject([{ agent_id: 'agent-1' }])
})

test('a wrong word is told in one line, with exit code 64', async () => {
  const { code, stderr } = await ogent(['nonsense'])
  expect(code).toBe(64)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})
