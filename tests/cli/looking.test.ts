import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { jsonLines, ogent as runOgent, startOgent } from '../support/ogent.js'
import { processesOf, until } from '../support/processes.js'
import { type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: { AGENT_LABELS: { role: 'web' } } })
  const client = system.client()
  await client.execute({ agent_id: 'agent-1', command_id: 'good', command: 'echo out; echo err >&2' })
  await client.execute({ agent_id: 'agent-1', command_id: 'bad', command: "printf '\\033[31mred'; exit 9" })
})
afterAll(() => system[Symbol.asyncDispose]())

const ogent = (...args: string[]) => runOgent(system, args)

describe('ogent agents', () => {
  test('prints a table for people, and one JSON line for each agent for programs', async () => {
    expect((await ogent('agents')).stdout).toMatch(
      /^AGENT +STATUS +HOST +SYSTEM +LABELS\nagent-1 +connected .* role=web\n$/,
    )
    expect(jsonLines((await ogent('agents', '--json')).stdout)).toMatchObject([
      { agent_id: 'agent-1', labels: { role: 'web' } },
    ])
  })
})

describe('ogent agents -o', () => {
  test('name prints ids, and json what --json prints', async () => {
    expect(await ogent('agents', '-o', 'name')).toEqual({ code: 0, stdout: 'agent-1\n', stderr: '' })
    const [long, short] = await Promise.all([ogent('agents', '-o', 'json'), ogent('agents', '--json')])
    const [one, other] = [long, short].map(({ stdout }) => jsonLines(stdout).map((agent) => agent.agent_id))
    expect([one, other]).toEqual([['agent-1'], ['agent-1']])
    expect((await ogent('agents', '-o', 'yaml')).code).toBe(64)
  })

  test('wide prints more columns, with whole times where it is no terminal', async () => {
    const { stdout } = await ogent('agents', '-o', 'wide')
    expect(stdout).toMatch(
      /^AGENT +STATUS +HOST +SYSTEM +ARCH +VERSION +NODE +KEY +ASSIGNED +SSH +SINCE +LABELS\nagent-1 .* - +- +- +\d{4}-\d\d-\d\dT[\d:.]+Z +role=web\n$/,
    )
  })
})

describe('ogent agents of a selector', () => {
  const ids = async (...args: string[]) =>
    jsonLines((await ogent('agents', '--json', ...args)).stdout).map(({ agent_id }) => agent_id)

  test('lists those that it means, and those that fit besides', async () => {
    expect(await ids('role=web')).toEqual(['agent-1'])
    expect(await ids('--selector', 'not role=web')).toEqual([])
    expect(await ids('role=web', '--status', 'connected', '-q', 'WEB')).toEqual(['agent-1'])
    expect(await ids('--status', 'disconnected')).toEqual([])
    expect(await ids('nobody')).toEqual([])
    expect(await ids('--limit', '1')).toEqual(['agent-1'])
  })

  test.each([
    [['--limit', '0'], 'whole number'],
    [[''], 'is empty: write `all` where every agent is meant'],
    [['role='], 'at 6: expected a value after ='],
    [['role=web', '--selector', 'all'], 'one selector'],
    [['role=web', 'and', 'env=prod'], 'agents'],
    [['--status', 'away'], 'connected'],
  ])('refuses %j as a wrong call', async (args, sentence) => {
    const { code, stdout, stderr } = await ogent('agents', ...args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toContain(sentence)
  })
})

describe('ogent history', () => {
  test('lists commands newest first, without escape sequences', async () => {
    const { code, stdout } = await ogent('history')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^COMMAND ID +AGENT +STATUS +EXIT +CREATED +TIME +COMMAND\nbad +agent-1 +error +9 /,
    )
    expect(stdout).toMatch(/\ngood +agent-1 +success +0 .* echo out; echo err >&2\n/)
    expect(stdout.endsWith('\n')).toBe(true)
  })

  test('filters by agent, status and text, and stops at the limit', async () => {
    const ids = async (...args: string[]) =>
      jsonLines((await ogent('history', '--json', ...args)).stdout).map(({ command_id }) => command_id)
    expect(await ids('--limit', '1')).toEqual(['bad'])
    expect(await ids('--status', 'success', '--search', 'ECHO')).toEqual(['good'])
    expect(await ids('--agent', 'nobody')).toEqual([])
  })

  test('filters by time, account, exit code, label and whether a command failed', async () => {
    const ids = async (...args: string[]) =>
      jsonLines((await ogent('history', '--json', ...args)).stdout).map(({ command_id }) => command_id)
    expect(await ids('--since', '1h')).toEqual(['bad', 'good'])
    expect(await ids('--until', '1h')).toEqual([])
    expect(await ids('--since', '2020-01-01', '--until', '2999-01-01T00:00:00Z', '--failed')).toEqual(['bad'])
    expect(await ids('--exit-code', '9', '--user', 'olga', '--label', 'role=web')).toEqual(['bad'])
    expect(await ids('--user', 'victor')).toEqual([])
    expect(await ids('--status', 'success,error', '--status=lost')).toEqual(['bad', 'good'])
    expect(await ids('--status', 'lost,success')).toEqual(['good'])
    expect(await ids('--label', 'role=db')).toEqual([])
    for (const args of [
      ['--since', 'soon'],
      ['--failed', '--status', 'error'],
      ['--status', 'error,broken'],
      ['--exit-code', '256'],
      ['--label', 'role'],
    ]) {
      expect(await ogent('history', ...args), args.join(' ')).toMatchObject({ code: 64, stdout: '' })
    }
  })

  test('continues over the pages of the controller', async () => {
    const client = system.client()
    await Promise.all(
      Array.from({ length: 210 }, (_, at) =>
        client.commands.start({ agent_id: 'agent-1', command: 'exit 0 # many', command_id: `many-${at}` }),
      ),
    )
    const many = jsonLines((await ogent('history', '--json', '--limit', '1000', '--search', '# many')).stdout)
    expect(new Set(many.map(({ command_id }) => command_id)).size).toBe(210)
  })

  test('ends quietly when its reader closes the pipe', async () => {
    const { stdout, ended } = startOgent(system, ['history', '--json'])
    stdout.destroy()
    expect(await ended).toMatchObject({ code: 141, stderr: '' })
  })
})

describe('ogent show', () => {
  test('shows how a command ended and what it wrote', async () => {
    const { code, stdout } = await ogent('show', 'good')
    expect(code).toBe(0)
    for (const part of [
      /^command: +echo out; echo err >&2\n/,
      /\nstatus: +success\n/,
      /\nexit code: +0\n/,
      /\n--- stdout ---\nout\n/,
      /\n--- stderr ---\nerr\n/,
    ]) {
      expect(stdout).toMatch(part)
    }
  })

  test('prints the whole record as JSON for programs', async () => {
    expect(jsonLines((await ogent('show', 'bad', '--json')).stdout)).toMatchObject([
      { command_id: 'bad', status: 'error', result: { exit_code: 9, stdout: '\u001b[31mred' } },
    ])
  })

  test('says where to look when the command is unknown', async () => {
    expect(await ogent('show', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ogent: Command with ID nothing not found\n {2}.*ogent history/),
    })
  })
})

describe('ogent follow', () => {
  test('shows a command that has ended from its first byte, with its exit code', async () => {
    expect(await ogent('follow', 'good')).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' })
    expect((await ogent('follow', 'bad')).code).toBe(9)
  })

  test('begins at the event that --from names, in JSON as well', async () => {
    const all = jsonLines((await ogent('follow', 'good', '--json')).stdout)
    const late = jsonLines((await ogent('follow', 'good', '--json', '--from', '3')).stdout)
    expect(all[0]).toMatchObject({ type: 'command_response' })
    expect(late).toEqual(all.slice(2))
  })

  test('follows a command that runs, which Ctrl-C leaves running', async () => {
    await system
      .client()
      .commands.start({ agent_id: 'agent-1', command_id: 'long', command: 'echo on; sleep 300' })
    const { child, said, ended } = startOgent(system, ['follow', 'long'])
    await until('it shows', () => said.stdout === 'on\n')
    child.kill('SIGINT')
    await ended
    expect(processesOf('long').length).toBeGreaterThan(0)
    expect((await ogent('show', 'long')).stdout).toContain('ogent follow long')

    const other = startOgent(system, ['follow', 'long'])
    await until('it shows again', () => other.said.stdout === 'on\n')
    expect(await ogent('cancel', 'long')).toMatchObject({ code: 0, stdout: 'long is asked to end.\n' })
    expect((await other.ended).code).toBe(130)
  })
})

test('ogent cancel says how to see the end of a command that has ended', async () => {
  expect(await ogent('cancel', 'good', '--json')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('ogent show'),
  })
})

test('ogent users lists accounts as JSON for programs', async () => {
  const users = (...args: string[]) =>
    runOgent(system, ['users', ...args, '--local', '--json'], {
      env: { DATA_DIR: `${system.folder}/accounts` },
    })
  const [made] = jsonLines((await users('add', 'ann', '--role', 'operator')).stdout)
  expect(made).toEqual({ username: 'ann', role: 'operator', password: expect.any(String) })
  expect(jsonLines((await users('list')).stdout)).toMatchObject([
    { username: 'ann', role: 'operator', roles: ['operator'], kind: 'user', disabled_at: null },
  ])
  expect(jsonLines((await users('remove', 'ann')).stdout)).toEqual([{ username: 'ann', removed: true }])
})
