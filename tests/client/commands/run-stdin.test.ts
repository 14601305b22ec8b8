import { describe, expect, test } from 'vitest'
import type { StreamObserver } from '../../../src/client/commands/resumable-stream.js'
import { CommandRun } from '../../../src/client/commands/run.js'
import type { RunOptions } from '../../../src/client/commands/run-options.js'
import type { RawCommandEvent } from '../../../src/shared/commands/event.js'
import { OgentError } from '../../../src/shared/errors.js'
import { Reading } from './reading.js'

const at = '2026-01-01T00:00:00.000Z'
const agent_id = 'web-1'

const taken: RawCommandEvent = {
  type: 'command_response',
  command_id: 'c',
  agent_id,
  command: 'cat',
  status: 'pending',
  requested_by: 'olga',
  execution_target: 'auto',
  timestamp: at,
}

function resultOf(status: 'success' | 'cancelled'): RawCommandEvent {
  const none = new Uint8Array()
  const result = { exit_code: 0, signal: null, stdout: none, stderr: none, reason: null }
  // As much of a result as a run looks at.
  return { type: 'command_result', command_id: 'c', agent_id, status, result } as unknown as RawCommandEvent
}

/** A command that is started at once, and ends when it is cancelled, when its input is ended, or when the test says so. */
function runOver(given: Partial<Pick<RunOptions, 'stdin' | 'starts' | 'signal'>> = {}) {
  const reading = new Reading()
  const cancels: string[] = []
  let observer: StreamObserver | undefined
  const say = (seq: number, event: RawCommandEvent) => observer?.onEvent(`c:${seq}`, event)
  const end = (status: 'success' | 'cancelled' = 'success') => {
    say(2, resultOf(status))
    observer?.onComplete()
  }
  const run = new CommandRun({
    command_id: 'c',
    agent_id,
    encoding: 'utf8',
    from_seq: 1,
    starts: given.starts ?? true,
    signal: given.signal,
    lease: false,
    firstContactMs: 1000,
    renewToken: () => false,
    follow: () => () => () => {},
    main: (_lastEventId, opened) => {
      observer = opened
      queueMicrotask(() => say(1, taken))
      return () => {}
    },
    cancel: async () => {
      cancels.push('cancelled')
      queueMicrotask(() => end('cancelled'))
    },
    stdin: 'stdin' in given ? given.stdin : { send: reading.send },
  })
  return { run, reading, cancels, end }
}

describe('run.stdin', () => {
  test('writes what the command reads, and its outcome is as it ended', async () => {
    const { run, reading, end } = runOver()
    await run.stdin.write('one ')
    await run.stdin.end('two')
    expect([String(reading.input), reading.ended]).toEqual(['one two', true])
    end()
    expect(await run).toMatchObject({ status: 'success' })
    await expect(run.stdin.write('more')).rejects.toMatchObject({ code: 'CLOSED', command_id: 'c', agent_id })
  })

  test('rejects with COMMAND_ENDED behind the result', async () => {
    const { run, end } = runOver()
    await run.stdin.write('read')
    end()
    await run
    expect(run.stdin.closed).toBe(true)
    await expect(run.stdin.write('not read')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
    await run.stdin.end()
  })

  test('is refused, with the reason, where the input is not open to it', () => {
    const closed = runOver({ stdin: undefined }).run
    expect(() => closed.stdin).toThrow(/open_stdin: true/)
    const stream = (async function* () {})()
    const streamed = runOver({ stdin: { send: new Reading().send, stream } }).run
    expect(() => streamed.stdin).toThrow(/no stream/)
  })

  test('goes on where an attached command is with its input, and fails alone', async () => {
    const { run, reading, cancels } = runOver({ starts: false })
    await reading.send({ data: 'before, ' })
    await run.stdin.write('behind')
    expect(String(reading.input)).toBe('before, behind')
    await run.stdin.writable.abort(new Error('The source broke.'))
    expect(cancels).toEqual([])
  })

  test('continues for a run that is detached', async () => {
    const { run, reading } = runOver()
    await run.stdin.write('one ')
    run.detach()
    await expect(run).rejects.toMatchObject({ code: 'CLOSED' })
    await run.stdin.end('two')
    expect(String(reading.input)).toBe('one two')
  })
})

describe('a run whose input cannot be had or sent', () => {
  test('is cancelled, and rejects with the error of its stream', async () => {
    const error = new Error('The disk is gone.')
    const stream = (async function* () {
      yield 'a beginning'
      throw error
    })()
    const reading = new Reading()
    const { run, cancels } = runOver({ stdin: { send: reading.send, stream } })
    const loop = async () => {
      for await (const _ of run);
    }
    const [outcome, looped] = await Promise.allSettled([run, loop()])
    expect(outcome).toEqual({ status: 'rejected', reason: error })
    expect(looped).toEqual({ status: 'rejected', reason: error })
    expect(cancels).toEqual(['cancelled'])
    expect(reading.ended).toBe(false)
  })

  test('is cancelled, and says what to do, when the controller is too old for it', async () => {
    const send = async () => {
      throw new OgentError('NOT_FOUND', 'No procedure found on path "commands.input"')
    }
    const { run, cancels } = runOver({ stdin: { send } })
    await expect(run.stdin.write('lost')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/too old.*update/),
      agent_id,
    })
    expect(cancels).toEqual(['cancelled'])
  })
})

describe('a signal that is aborted', () => {
  const reason = new Error('Enough.')

  test('cancels the command that it was given for, whose input has ended then', async () => {
    const abort = new AbortController()
    const { run, cancels } = runOver({ signal: abort.signal })
    await run.stdin.write('read')
    abort.abort(reason)
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED', cause: reason })
    expect(cancels).toEqual(['cancelled'])
    await expect(run.stdin.write('not read')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
  })

  test('ends the writing to an attached command', async () => {
    const abort = new AbortController()
    const { run, cancels } = runOver({ signal: abort.signal, starts: false })
    await run.stdin.write('read')
    abort.abort(reason)
    await expect(run.stdin.write('not read')).rejects.toBe(reason)
    await expect(run).rejects.toBe(reason)
    expect(cancels).toEqual([])
  })
})
