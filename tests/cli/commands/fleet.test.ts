import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LinePrefixer } from '../../../src/cli/output/line-prefixer.js'
import { jsonLines, type OgentOptions, ogent, startOgent } from '../../support/ogent.js'
import { processesOf, until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: { AGENT_LABELS: { role: 'web', env: 'prod' } } })
  await system.addAgent('agent-2', { AGENT_LABELS: { role: 'web', env: 'test' } })
  await system.addAgent('db', { AGENT_LABELS: { role: 'db' } })
})
afterAll(() => system[Symbol.asyncDispose]())

const run = (args: string[], options?: OgentOptions) => ogent(system, ['run', ...args], options)
const sorted = (text: string) => text.trim().split('\n').sort()

describe('ogent run on several agents', () => {
  test('prefixes each line with the agent, and prints a table at the end on stderr', async () => {
    const command = 'echo "$OGENT_COMMAND_ID" > /dev/null; echo one; printf "no end"; echo wrong >&2'
    const { code, stdout, stderr } = await run(['agent-1,agent-2', 'db', 'agent-1', '--', command])
    expect(code).toBe(0)
    expect(sorted(stdout)).toEqual(
      ['agent-1', 'agent-2', 'db     '].flatMap((name) => [`${name} | no end`, `${name} | one`]),
    )
    const [said, summary] = stderr.split('\n\n')
    expect(sorted(said ?? '')).toEqual(['agent-1 | wrong', 'agent-2 | wrong', 'db      | wrong'])
    expect(summary).toMatch(
      /^AGENT +STATUS +EXIT +TIME +OUTPUT +NOTE\nagent-1 +success +0 .*\nagent-2 +success +0 .*\ndb +success +0 .*\n$/,
    )
  })

  test.each([
    ['one label', ['--label', 'role=web'], ['agent-1', 'agent-2']],
    ['two labels', ['--label', 'role=web', '--label', 'env=prod'], ['agent-1']],
    ['--all', ['--all'], ['agent-1', 'agent-2', 'db']],
  ])('selects them by %s', async (_what, flags, names) => {
    const { code, stdout } = await run([...flags, '--', 'true; echo x'])
    expect(code).toBe(0)
    expect(sorted(stdout).map((line) => line.split(' ')[0])).toEqual(names)
  })

  test('exits with the worst code, and says which agent failed and why', async () => {
    const { code, stderr } = await run(['agent-1', 'nobody', '--', 'exit 3'])
    expect(code).toBe(69)
    expect(stderr).toMatch(/\nagent-1 +error +3 /)
    expect(stderr).toMatch(/\nnobody +failed +Agent with ID nobody not found\n/)
    expect((await run(['agent-1', 'agent-2', '--', 'exit 3'])).code).toBe(3)
  })

  test('reports an offline agent as failed; --connected leaves it out', async () => {
    const gone = await system.addAgent('gone', { AGENT_LABELS: { role: 'batch' } })
    await gone.stop({ drainMs: 0 })
    const named = await run(['--label', 'role=batch', '--wait', '0', '--', 'true'])
    expect(named).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/\ngone +failed +.*not connected/),
    })
    const left = await run(['--label', 'role=batch', '--connected', '--', 'true'])
    expect(left).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('no connected agent with role=batch'),
    })
  })

  test('runs on as many agents at a time as --concurrency says', async () => {
    const command = 'date +%s%N; sleep 0.2; date +%s%N'
    const { stdout } = await run(['--all', '--connected', '--concurrency', '1', '--', command])
    const times = stdout
      .trim()
      .split('\n')
      .map((line) => BigInt(line.split(' | ')[1] ?? ''))
    expect(times).toHaveLength(6)
    // One after the other: each begins after the one before has ended.
    expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)))
  })

  test('names the agent in each JSON line, and prints no table', async () => {
    const { code, stdout, stderr } = await run(['agent-1', 'nobody', '--json', '--', 'echo hi'])
    expect({ code, stderr }).toEqual({ code: 69, stderr: '' })
    const lines = jsonLines(stdout)
    expect(lines.filter(({ agent_id }) => agent_id === 'agent-1').map(({ type }) => type)).toEqual([
      'command_response',
      'command_progress',
      'command_progress',
      'command_result',
    ])
    expect(lines.filter(({ agent_id }) => agent_id === 'nobody')).toEqual([
      {
        type: 'error',
        agent_id: 'nobody',
        code: 'AGENT_NOT_FOUND',
        message: 'Agent with ID nobody not found',
      },
    ])
  })

  test('asks only once when the controller refuses the login, and prints a row for each agent', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `web-${at}`)
    const options = { env: { OGENT_TOKEN: 'not-a-token' } }
    const { code, stderr } = await run(
      [names.join(','), '--concurrency', '1', '--json', '--', 'true'],
      options,
    )
    expect({ code, stderr }).toEqual({ code: 77, stderr: '' })
    const table = await run([names.join(','), '--concurrency', '1', '--', 'true'], options)
    expect(table.stderr.match(/^web-\d+ +failed /gm)).toHaveLength(40)
  })

  test('gives each agent the standard input', async () => {
    const { stdout } = await run(['agent-1', 'agent-2', '--', 'cat'], { stdin: 'in\n' })
    expect(sorted(stdout)).toEqual(['agent-1 | in', 'agent-2 | in'])
  })

  test('cancels what runs and starts no more at Ctrl-C', async () => {
    const args = ['agent-1', 'agent-2', '--concurrency', '1', '--', 'echo on; exec sleep 300']
    const { child, said, ended } = startOgent(system, ['run', ...args])
    await until('the first runs', () => said.stdout.includes('on'))
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/\nagent-1 +cancelled /)
    expect(stderr).toMatch(/\nagent-2 +not started/)
  })

  test('ends all commands when its reader closes the pipe', async () => {
    const { child, stdout, ended } = startOgent(system, ['run', 'agent-1', 'agent-2', '--json', '--', 'yes'])
    const ids = new Set<string>()
    stdout.on('data', (data: Buffer) => {
      for (const [, id = ''] of String(data).matchAll(/"command_id":"([^"]+)"/g)) ids.add(id)
    })
    await until('both run', () => ids.size === 2)
    stdout.destroy()
    expect((await ended).code).toBe(141)
    expect(child.exitCode).toBe(141)
    await until('they are gone', () => [...ids].every((id) => processesOf(id).length === 0))
  })

  test.each([
    [['agent-1', '--all'], '--all'],
    [['agent-1', '--connected'], '--connected'],
    [['--label', 'role'], 'name=value'],
    [['agent-1', 'agent-2', '--id', 'one'], '--id'],
    [['agent-1', 'agent-2', '--concurrency', '0'], 'whole number'],
  ])('is a usage error with %j', async (args, said) => {
    expect(await run([...args, '--', 'true'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining(said),
    })
  })
})

describe('lines with a prefix', () => {
  const all = (lines: LinePrefixer, parts: (string | Uint8Array)[]) =>
    Buffer.concat([...parts.map((part) => lines.push(Buffer.from(part))), lines.end()]).toString()

  test('are complete for any way the bytes were cut', () => {
    for (const parts of [
      ['a\nbä\nc'],
      ['a', '\n', 'b', Buffer.of(0xc3), Buffer.of(0xa4), '\nc'],
      ['a\nb', 'ä\nc'],
    ]) {
      expect(all(new LinePrefixer('> '), parts)).toBe('> a\n> bä\n> c\n')
    }
    expect(all(new LinePrefixer('> '), ['\n\n'])).toBe('> \n> \n')
    expect(all(new LinePrefixer('> '), [])).toBe('')
  })

  test('are ended at some length when the command ends none', () => {
    const lines = all(new LinePrefixer('> '), ['x'.repeat(150_000)]).split('\n')
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.join('').replaceAll('> ', '')).toBe('x'.repeat(150_000))
  })
})

describe('the standard input of ogent run on several agents', () => {
  test('goes to each of them as text', async () => {
    const { code, stdout } = await run(['agent-1,agent-2', '--', 'cat'], { stdin: 'to all\n' })
    expect(code).toBe(0)
    expect(sorted(stdout)).toEqual(['agent-1 | to all', 'agent-2 | to all'])
  })

  test('is reported as awaited when --stdin is given and nothing comes', async () => {
    const args = ['run', '--stdin', 'agent-1,agent-2', '--', 'cat']
    const { child, said, ended } = startOgent(system, args, { stdin: 'open' })
    await until('it says so', () => said.stderr.includes('--no-stdin'))
    child.stdin?.end('late\n')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(sorted(stdout)).toEqual(['agent-1 | late', 'agent-2 | late'])
  })

  test('is a usage error above 1 MiB, and where it is not text, and nothing runs', async () => {
    const args = ['agent-1,agent-2', '--env', 'IS=over', '--', 'wc -c']
    const over = await run(args, { stdin: 'x'.repeat(1024 * 1024 + 1) })
    expect(over).toMatchObject({
      code: 64,
      stdout: '',
      stderr: expect.stringContaining('one agent at a time'),
    })
    const { child, ended } = startOgent(system, ['run', ...args], { stdin: 'open' })
    child.stdin?.end(Buffer.of(0xff, 0xfe, 0))
    expect(await ended).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('base64') })
    const { stdout } = await ogent(system, ['history', '--search', 'wc -c', '--json'])
    expect(jsonLines(stdout)).toEqual([])
  })
})
