import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toCommand } from '../../../src/cli/session/request.js'
import { jsonLines, type OgentOptions, ogent, startOgent } from '../../support/ogent.js'
import { processesOf, until } from '../../support/processes.js'
import { TcpProxy } from '../../support/proxy.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const run = (args: string[], options?: OgentOptions) => ogent(system, ['run', ...args], options)
const start = (args: string[], options?: OgentOptions) => startOgent(system, ['run', ...args], options)

describe('ogent run', () => {
  test('passes on stdout, stderr and the exit code, and prints nothing itself', async () => {
    expect(await run(['agent-1', '--', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('passes bytes through unchanged', async () => {
    const { stdout, ended } = start(['agent-1', '--', 'head -c 1000000 /dev/zero; printf "\\377\\376"'])
    let bytes = 0
    let last = Buffer.alloc(0)
    stdout.on('data', (data: Buffer) => {
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
    ['no agent', ['--', 'true'], 64],
    ['no command', ['agent-1'], 64],
    ['an unknown option', ['agent-1', '--nonsense', '--', 'true'], 64],
    ['an unknown target', ['agent-1', '--target', 'moon', '--', 'true'], 64],
    ['a number that is none', ['agent-1', '--timeout', 'soon', '--', 'true'], 64],
    ['a number that cannot be', ['agent-1', '--timeout', '0', '--', 'true'], 64],
    ['a variable without a name', ['agent-1', '--env', '=x', '--', 'true'], 64],
  ])('exits with the documented code for %s', async (_what, args, code) => {
    expect((await run(args)).code).toBe(code)
  })

  test('exits with 69 when the agent is offline for longer than --wait', async () => {
    const away = await system.addAgent('away-1')
    await away.stop({ drainMs: 0 })
    const { code, stderr } = await run(['away-1', '--wait', '0', '--', 'true'])
    expect(code).toBe(69)
    expect(stderr).toMatch(/^ogent: Agent away-1 is not connected\.\n {2}.*--wait/)
  })

  test('exits with 69 and names the address when there is no controller', async () => {
    const options = { env: { OGENT_URL: 'http://127.0.0.1:1', OGENT_TOKEN: 'x', OGENT_USERNAME: '' } }
    const { code, stderr } = await run(['agent-1', '--', 'true'], options)
    expect(code).toBe(69)
    expect(stderr).toContain('OGENT_URL')
  })

  test('keeps an id, and a variable, that look like a number as they were typed', async () => {
    const { stdout } = await run([
      'agent-1',
      '--id',
      '007',
      '--env',
      'A=-0x1',
      '--',
      'echo "$OGENT_COMMAND_ID $A"',
    ])
    expect(stdout).toBe('007 -0x1\n')
    const again = ['agent-1', '--id', '007', '--env', 'A=-0x1', '--', 'echo "$OGENT_COMMAND_ID $A"']
    expect((await run(again)).stdout).toBe(stdout)
    expect(await run(['agent-1', '--id', '007', '--', 'something else'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ogent show'),
    })
  })

  test('cancels the remote command and exits with 130 at Ctrl-C', async () => {
    const { child, said, ended } = start(['--id', 'ctrl-c', 'agent-1', '--', 'echo on; sleep 300'])
    await until('the command runs', () => said.stdout === 'on\n')
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toContain('again to leave at once')
    expect(processesOf('ctrl-c')).toEqual([])
  })

  test('ends without a further message at Ctrl-C while it waits for an offline agent', async () => {
    const away = await system.addAgent('away-2')
    await away.stop({ drainMs: 0 })
    for (let time = 0; time < 5; time++) {
      const id = `waits-${time}`
      const { child, ended } = start(['--id', id, '--wait', '60', 'away-2', '--', 'true'])
      await until('it waits', async () => (await ogent(system, ['show', id])).code === 0)
      child.kill('SIGINT')
      const { code, stderr } = await ended
      expect(code).toBe(130)
      expect(stderr.split('\n').slice(1).join('\n')).not.toContain('closed by this side')
    }
  })

  test('cancels the remote command when the terminal is closed, and ignores a repeated signal', async () => {
    const { child, said, ended } = start(['--id', 'hang-up', 'agent-1', '--', 'echo on; sleep 300'])
    await until('the command runs', () => said.stdout === 'on\n')
    // The kernel and the shell both send it.
    child.kill('SIGHUP')
    child.kill('SIGHUP')
    setTimeout(() => child.kill('SIGHUP'), 5)
    expect((await ended).code).toBe(130)
    await until('the remote command is gone', () => processesOf('hang-up').length === 0)
  })

  test('exits at once at a second Ctrl-C while the command is still ending', async () => {
    const slow = await system.addAgent('slow-1', { KILL_GRACE_SECONDS: 5 })
    const command = 'trap "" TERM; echo on; while :; do sleep 1; done'
    const { child, said, ended } = start(['--id', 'twice', 'slow-1', '--', command])
    await until('the command runs', () => said.stdout === 'on\n')
    child.kill('SIGINT')
    await until('it was heard', () => said.stderr.includes('cancelling'))
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(processesOf('twice').length).toBeGreaterThan(0)
    await slow.stop({ drainMs: 0 })
  })

  test('prints events as JSON lines', async () => {
    const events = jsonLines((await run(['--json', 'agent-1', '--', 'echo hi'])).stdout)
    expect(events[0]).toMatchObject({ type: 'command_response', command: 'echo hi' })
    expect(events.at(-1)).toMatchObject({ type: 'command_result', status: 'success' })
  })

  test('prints warnings of the guard on stderr', async () => {
    const { code, stdout, stderr } = await run([
      'agent-1',
      '--',
      'echo ran; rm -rf /home/nobody-of-that-name',
    ])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ran\n' })
    expect(stderr).toMatch(/^ogent: warning: .*nobody-of-that-name/)
  })

  test('reports that the agent disconnects and reconnects, and loses no output', async () => {
    await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    await system.addAgent('wavering', { CONTROLLER_URL: proxy.url })
    const command = 'echo before; while [ ! -e go-on ]; do sleep 0.1; done; echo after'
    const { said, ended } = start(['wavering', '--cwd', system.folder, '--', command])
    await until('it runs', () => said.stdout === 'before\n')
    proxy.close()
    await until('that is told', () => said.stderr.includes('the agent is offline'))
    writeFileSync(join(system.folder, 'go-on'), '')
    proxy.resume()
    expect(await ended).toMatchObject({
      code: 0,
      stdout: 'before\nafter\n',
      stderr: expect.stringContaining('the agent is back'),
    })
  })

  test('ends quietly, and ends the remote command, when its reader closes the pipe', async () => {
    const { stdout, ended } = start(['--id', 'broken-pipe', 'agent-1', '--', 'yes'])
    stdout.once('data', () => stdout.destroy())
    expect(await ended).toMatchObject({ code: 141, stderr: '' })
    await until('the remote command is gone', () => processesOf('broken-pipe').length === 0)
  })
})

describe('the standard input of ogent run', () => {
  test('goes to the command when it is a pipe, with environment and folder', async () => {
    const args = ['--env', 'A=1 2', '--env', 'B=3', '--cwd', '/tmp', 'agent-1', '--', 'cat; echo "$A$B"; pwd']
    expect(await run(args, { stdin: 'in\u00e4\n' })).toMatchObject({
      code: 0,
      stdout: 'in\u00e4\n1 23\n/tmp\n',
    })
  })

  test('goes to the command when it is a file, and not when it is a device', async () => {
    const file = join(system.folder, 'input')
    writeFileSync(file, 'from a file\n')
    expect(await fromShell(`cat ${file} > /dev/null; ogent run agent-1 -- cat < ${file}`)).toBe(
      'from a file\n',
    )
    expect(await fromShell(`ogent run agent-1 -- 'cat; echo end' < /dev/null`)).toBe('end\n')
    expect(await fromShell(`ogent run agent-1 -- 'cat; echo end' <&-`)).toBe('end\n')
  })

  test('is not read with --no-stdin, so that a loop keeps its own input', async () => {
    const loop = `printf '1\\n2\\n' | while read n; do ogent run --no-stdin agent-1 -- "echo $n; cat"; done`
    expect(await fromShell(loop)).toBe('1\n2\n')
    const { child, ended } = start(['--no-stdin', 'agent-1', '--', 'echo now'], { stdin: 'open' })
    expect(await ended).toMatchObject({ code: 0, stdout: 'now\n' })
    child.stdin?.destroy()
  })

  test('is complete at 1 MiB', async () => {
    const most = 'x'.repeat(1024 * 1024)
    expect(await run(['agent-1', '--', 'wc -c'], { stdin: most })).toMatchObject({
      code: 0,
      stdout: '1048576\n',
    })
  })
})

test('the words after the dashes are one line of shell, or a program and its arguments as they were typed', () => {
  expect(toCommand(['echo a; echo b'])).toBe('echo a; echo b')
  expect(toCommand(['printf', '%s', "it's $HOME", 'plain'])).toBe("printf %s 'it'\\''s $HOME' plain")
})

test('an unknown subcommand is reported in one line, with exit code 64', async () => {
  const { code, stderr } = await ogent(system, ['nonsense'])
  expect(code).toBe(64)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

/** What a shell line prints that calls `ogent`. */
async function fromShell(line: string): Promise<string> {
  const { username, password } = accounts.operator
  const child = spawn(
    'sh',
    ['-c', `ogent() { "${process.execPath}" "${repository}dist/cli/main.js" "$@"; }\n${line}`],
    {
      env: {
        PATH: process.env.PATH,
        XDG_CONFIG_HOME: system.folder,
        OGENT_URL: system.url,
        OGENT_USERNAME: username,
        OGENT_PASSWORD: password,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  return said
}
