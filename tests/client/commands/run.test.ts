import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommandRun } from '../../../src/client/commands/run.js'
import type { RunOptions } from '../../../src/client/commands/run-options.js'
import type { RawCommandEvent } from '../../../src/shared/commands/event.js'
import { type ErrorCode, OgentError } from '../../../src/shared/errors.js'
import { processesOf, until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const sleep = { agent_id: 'agent-1', command: 'sleep 60' }

describe('a cancel that comes before the start', () => {
  test('waits for the start, and the command does not continue', async () => {
    const ogent = system.client()
    for (let round = 0; round < 20; round++) {
      const run = ogent.execute(sleep)
      await run.cancel()
      expect(await run).toMatchObject({ status: 'cancelled' })
      expect(processesOf(run.command_id)).toEqual([])
    }
  })

  test('fails with the error of the start when the start fails', async () => {
    const unknown = system.client().execute({ ...sleep, agent_id: 'nobody' })
    await expect(unknown.cancel()).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
    const invalid = system.client().execute({ ...sleep, command_id: 'no id' })
    await expect(invalid.cancel()).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
    await expect(invalid).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
  })

  test('ends a command that has been detached, too', async () => {
    const ogent = system.client()
    await ogent.me()
    for (let round = 0; round < 10; round++) {
      const run = ogent.execute(sleep)
      // By now it is on its way.
      await Promise.resolve()
      run.detach()
      await run.cancel()
      const status = async () => (await ogent.commands.get(run.command_id)).status
      await until('it has ended', async () => (await status()) === 'cancelled')
    }
  })

  test('fails when the client is closed', async () => {
    await using gone = await startSystem({ agent: false })
    const ogent = gone.client()
    const closed = ogent.execute(sleep)
    await ogent.close()
    await expect(closed.cancel()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('is sent at once when the run was attached', async () => {
    const ogent = system.client()
    const run = ogent.execute(sleep)
    for await (const event of run) if (event.type === 'command_progress') break
    const attached = ogent.commands.attach(run.command_id, { from_seq: 999 })
    await attached.cancel()
    expect(await run).toMatchObject({ status: 'cancelled' })
  })
})

test('a command starts even when it is detached at once', async () => {
  // Without a session, so that the start has a way to go.
  const run = system.client().execute({ agent_id: 'agent-1', command: 'echo left' })
  run.detach()
  await expect(run).rejects.toMatchObject({ code: 'CLOSED' })
  const other = system.client()
  const found = () =>
    other.commands.get(run.command_id).then(
      ({ status }) => status,
      () => undefined,
    )
  await until('it has ended', async () => (await found()) === 'success')
})

describe('a cancel while it is unknown whether the command was started', () => {
  const taken: RawCommandEvent = {
    type: 'command_response',
    command_id: 'c',
    agent_id: 'a',
    command: 'true',
    status: 'pending',
    requested_by: 'olga',
    execution_target: 'auto',
    timestamp: '2026-01-01T00:00:00.000Z',
  }

  /** A run whose start fails so often with these codes, and then comes; `answers` are those to its cancels. */
  function runOver(failures: ErrorCode[], answers: (ErrorCode | undefined)[], firstContactMs = 5000) {
    const said: string[] = []
    const options: RunOptions = {
      command_id: 'c',
      encoding: 'utf8',
      from_seq: 1,
      starts: true,
      lease: false,
      firstContactMs,
      renewToken: () => false,
      follow: () => () => () => {},
      main: (_lastEventId, observer) => {
        const code = failures.shift()
        said.push(code ?? 'started')
        queueMicrotask(() => {
          if (code) observer.onError(new OgentError(code, 'It failed.'))
          else observer.onEvent('c:1', taken)
        })
        return () => {}
      },
      cancel: async () => {
        const code = answers.shift()
        said.push(code ?? 'cancelled')
        if (code) throw new OgentError(code, 'It was refused.')
      },
    }
    return { run: new CommandRun(options), said }
  }

  test('waits until a lost connection is restored', async () => {
    const { run, said } = runOver(['CONNECTION_LOST', 'CONNECTION_LOST'], [])
    await run.cancel()
    expect(said).toEqual(['CONNECTION_LOST', 'CONNECTION_LOST', 'started', 'cancelled'])
  })

  test('is sent again for a while when the start may still be on its way', async () => {
    const { run, said } = runOver(['CONNECTION_LOST'], ['COMMAND_NOT_FOUND', 'COMMAND_NOT_FOUND'], 0)
    await run.cancel()
    expect(said).toEqual(['CONNECTION_LOST', 'COMMAND_NOT_FOUND', 'COMMAND_NOT_FOUND', 'cancelled'])
  })

  test('fails when its outcome is not known', async () => {
    const { run } = runOver(['CONNECTION_LOST'], ['CONNECTION_LOST'], 0)
    await expect(run.cancel()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    const refused = runOver(['RATE_LIMITED'], ['COMMAND_NOT_FOUND'])
    await expect(refused.run.cancel()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    // A first try may have got through before the second was refused.
    const second = runOver(['CONNECTION_LOST', 'RATE_LIMITED'], [])
    await second.run.cancel()
    expect(second.said).toEqual(['CONNECTION_LOST', 'RATE_LIMITED', 'cancelled'])
  })
})
