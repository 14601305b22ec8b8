import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient } from '../../src/client/client.js'
import { assertOk } from '../../src/client/commands/failure.js'
import { OgentError } from '../../src/shared/errors.js'
import { TcpProxy } from '../support/proxy.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const agent_id = 'agent-1'

async function thrownBy(act: () => unknown): Promise<OgentError> {
  try {
    await act()
  } catch (error) {
    if (error instanceof OgentError) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}

/** What `assertOk` says of a command. */
async function failureOf(command: string, more: object = {}): Promise<OgentError> {
  const outcome = await system.client().execute({ agent_id, command, ...more })
  return thrownBy(() => assertOk(outcome))
}

describe('the error of a command that did not succeed', () => {
  test('has the command, its end and what it said, and the outcome', async () => {
    const outcome = await system.client().execute({ agent_id, command: 'echo careful >&2; exit 3' })
    const error = await thrownBy(() => assertOk(outcome))
    expect(error).toMatchObject({ code: 'COMMAND_FAILED', agent_id, command_id: outcome.command_id })
    expect(error.outcome).toBe(outcome)
    expect(outcome).toMatchObject({ agent_id, encoding: 'utf8' })
    expect(error.message).toBe(
      'The command "echo careful >&2; exit 3" on agent-1 ended as error (exit code 3): careful',
    )
    assertOk(await system.client().execute({ agent_id, command: 'true' }))
  })

  test('names the signal, or why no process ended', async () => {
    expect((await failureOf('kill -9 $$')).message).toBe(
      'The command "kill -9 $$" on agent-1 ended as error (SIGKILL).',
    )
    const late = await failureOf('echo up >&2; exec sleep 60', { timeout_seconds: 0.5 })
    expect(late.message).toBe(
      'The command "echo up >&2; exec sleep 60" on agent-1 ended as timeout (SIGTERM). The command ran longer than 0.5 s. stderr: up',
    )
    const nowhere = await failureOf('true', { cwd: '/no/such/folder' })
    expect(nowhere.message).toMatch(/^The command "true" on agent-1 ended as error\. .*\/no\/such\/folder/)
  })

  test('shows the end of stderr in a bound, without what steers a terminal', async () => {
    const coloured =
      "printf 'a\\033[1;31mb\\033[0mc\\033]0;title\\007d\\033(Be\\302\\2333mf\\r\\n\\n10%%\\r20%%\\r' >&2; exit 1"
    expect((await failureOf(coloured)).message).toMatch(/exit code 1\):\nabcdef\n20%$/)
    const lines = (await failureOf('seq 1 5000 >&2; exit 1')).message.split('\n')
    expect(lines.slice(1)).toEqual(Array.from({ length: 10 }, (_, index) => String(4991 + index)))
    const long = (await failureOf("head -c 5000 /dev/zero | tr '\\0' x >&2; exit 1")).message
    expect(long).toMatch(/: …x{1000}$/)
    const emoji = await failureOf("for i in $(seq 1 700); do printf '😀€' >&2; done; exit 1")
    expect(emoji.message).toMatch(/: …(?:😀€){500}$/u)
  })

  test('shortens the command, as one line', async () => {
    const long = (await failureOf(`exit 1\n#${'😀'.repeat(200)}`)).message
    expect(long).toMatch(/^The command "exit 1 #(?:😀){72}…" on agent-1 ended as error \(exit code 1\)\.$/u)
  })

  test('reads what was asked for as base64', async () => {
    const error = await failureOf('echo grüße >&2; exit 1', { encoding: 'base64' })
    expect(error.message).toMatch(/: grüße$/)
    expect(error.outcome).toMatchObject({
      encoding: 'base64',
      stderr: Buffer.from('grüße\n').toString('base64'),
    })
  })

  test('is not shown with its output by those who print or log it whole', async () => {
    const error = await failureOf('echo secret; exit 1')
    expect(error.outcome?.stdout).toBe('secret\n')
    expect(inspect(error).replace(error.message, '')).not.toContain('secret\n')
    expect(Object.keys(error)).not.toContain('outcome')
    expect(JSON.stringify(error)).not.toContain('stdout')
  })
})

describe('throwOnError', () => {
  const failing = { agent_id, command: 'echo out; echo careful >&2; exit 3' }
  const failed = {
    code: 'COMMAND_FAILED',
    agent_id,
    message: expect.stringMatching(/\(exit code 3\): careful$/),
    outcome: { exit_code: 3, stdout: 'out\n' },
  }

  test('makes a run reject, and what is made of its output', async () => {
    const run = system.client().execute(failing, { throwOnError: true })
    await expect(run).rejects.toMatchObject({ ...failed, command_id: run.command_id })
    await expect(run.text()).rejects.toMatchObject(failed)
    await expect(run.bytes({ stream: 'stderr' })).rejects.toMatchObject(failed)
    await expect(new Response(run.readable).text()).rejects.toMatchObject(failed)
    const destination = new PassThrough().on('error', () => {})
    await expect(run.pipeTo(destination)).rejects.toMatchObject(failed)
    expect(destination.destroyed).toBe(true)
  })

  test('makes a loop throw behind its last item, and one that was left throw nothing', async () => {
    const run = system.client().execute(failing, { throwOnError: true })
    const seen: string[] = []
    const loop = async () => {
      for await (const { line } of run.lines()) seen.push(line)
    }
    await expect(loop()).rejects.toMatchObject(failed)
    expect(seen.sort()).toEqual(['careful', 'out'])
    for await (const _ of run.lines()) break
  })

  test('does nothing to a command that succeeds', async () => {
    const run = system.client().execute({ agent_id, command: 'echo it' }, { throwOnError: true })
    expect([await run.text(), (await run).status]).toEqual(['it\n', 'success'])
  })

  test('can be the rule of a client, from which a call may differ', async () => {
    const { username, password } = accounts.operator
    await using ogent = createOgentClient({ url: system.url, username, password, throwOnError: true })
    const run = ogent.execute(failing)
    await expect(run).rejects.toMatchObject(failed)
    await expect(ogent.commands.attach(run.command_id)).rejects.toMatchObject(failed)
    await expect(ogent.agent(agent_id).run(failing.command)).rejects.toMatchObject(failed)
    await expect(ogent.agent(agent_id).sh`echo careful >&2; exit ${3}`).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
    })
    expect(await ogent.execute(failing, { throwOnError: false })).toMatchObject({ exit_code: 3 })
    expect(await ogent.commands.attach(run.command_id, { throwOnError: false })).toMatchObject({
      exit_code: 3,
    })
    const wrong = () =>
      createOgentClient({ url: system.url, username, password, throwOnError: 'yes' as never })
    expect(wrong).toThrow('throwOnError: takes true or false')
  })

  test('says of a cancelled command how it ended, with its signal too', async () => {
    const ogent = system.client()
    const run = ogent.execute({ agent_id, command: 'sleep 60' }, { throwOnError: true })
    await run.cancel()
    await expect(run).rejects.toMatchObject({ code: 'COMMAND_FAILED', outcome: { status: 'cancelled' } })
    const controller = new AbortController()
    const { signal } = controller
    const aborted = ogent.execute({ agent_id, command: 'echo up; sleep 60' }, { signal, throwOnError: true })
    for await (const _ of aborted.output) break
    controller.abort()
    const error = await thrownBy(() => aborted)
    expect(error).toMatchObject({
      code: 'CANCELLED',
      agent_id,
      outcome: { status: 'cancelled', stdout: 'up\n' },
    })
    expect(error.message).toBe('The command "echo up; sleep 60" on agent-1 was cancelled by its signal.')
  })
})

describe('an error of the SDK', () => {
  test('names the agent and the command that the call was about', async () => {
    const { agents, commands, execute } = system.client()
    expect(await thrownBy(() => agents.get('agent-9'))).toMatchObject({
      agent_id: 'agent-9',
      command_id: undefined,
    })
    expect(await thrownBy(() => commands.get('none'))).toMatchObject({
      command_id: 'none',
      agent_id: undefined,
    })
    expect(await thrownBy(() => commands.cancel('none'))).toMatchObject({ command_id: 'none' })
    const request = { agent_id: 'agent-9', command: 'true', command_id: 'chosen-9' }
    const both = { code: 'AGENT_NOT_FOUND', agent_id: 'agent-9', command_id: 'chosen-9' }
    expect(await thrownBy(() => commands.start(request))).toMatchObject(both)
    expect(await thrownBy(() => execute(request))).toMatchObject(both)
    expect(await thrownBy(() => execute(request).text())).toMatchObject(both)
    expect(await thrownBy(() => commands.attach('none'))).toMatchObject({ command_id: 'none' })
    // A later loop has what the start failed with, too.
    const failed = execute(request)
    for (let loop = 0; loop < 2; loop++)
      expect(await thrownBy(() => first(failed.lines()))).toMatchObject(both)
  })

  /** Each in a function of a name, which is the caller's frame. */
  const calls = {
    me: () => closed().me(),
    analyze: () => closed().analyze({ command: 'true' }),
    agent: () => closed().agent('agent-9').get(),
    agents: () => closed().agents.list(),
    commands: () => closed().commands.list(),
    start: () => closed().commands.start({ agent_id, command: 'true' }),
    execute: () => closed().execute({ agent_id, command: 'true' }),
    run: () => closed().agent(agent_id).run('true'),
    text: () => closed().agent(agent_id).sh`true`.text(),
    attach: () => closed().commands.attach('none'),
    cancel: () => closed().commands.attach('none').cancel(),
    watch: () => first(closed().agents.watch()),
    recording: () => first(system.client().commands.recording('none')),
    lines: () => first(closed().execute({ agent_id, command: 'true' }).lines()),
    each: () => first(closed().agents.list()),
  }
  test.each(Object.entries(calls))(
    'has the frame of its caller before any other but the method: %s',
    async (_name, call) => {
      const caller = { namedCaller: () => call() }
      const error = await thrownBy(() => caller.namedCaller())
      const [head, ...frames] = (error.stack ?? '').split('\n')
      expect(head).toBe(`OgentError: ${error.message}`)
      const at = frames.findIndex((frame) => frame.includes('errors.test.ts'))
      expect(at, error.stack).toBeGreaterThanOrEqual(0)
      expect(at, error.stack).toBeLessThanOrEqual(2)
      expect(error.stack).toContain('namedCaller')
    },
  )

  test("of one lost connection is each caller's own", async () => {
    await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    const { username, password } = accounts.operator
    await using ogent = createOgentClient({ url: proxy.url, username, password, connectTimeoutMs: 0 })
    await ogent.me()
    proxy.stall()
    const one = thrownBy(() => ogent.me())
    const other = thrownBy(() => ogent.agents.get(agent_id))
    proxy.close()
    const [first, second] = await Promise.all([one, other])
    expect([first.code, second.code]).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST'])
    expect(first).not.toBe(second)
    expect([first.agent_id, second.agent_id]).toEqual([undefined, agent_id])
  })

  test('that a token function throws is given as it is', async () => {
    const own = new OgentError('UNAUTHORIZED', 'No session.')
    const token = async () => {
      throw own
    }
    await using ogent = createOgentClient({ url: system.url, token })
    await expect(ogent.me()).rejects.toBe(own)
    await expect(ogent.execute({ agent_id, command: 'true' })).rejects.toBe(own)
  })

  function closed() {
    const ogent = system.client()
    void ogent.close()
    return ogent
  }

  async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
    for await (const item of items) return item
    return undefined
  }
})
