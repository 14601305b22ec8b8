import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommandRun } from '../../src/client/commands/run.js'
import { neverEnding } from '../support/never-ending.js'
import { processesOf } from '../support/processes.js'
import { type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const sleep = { agent_id: 'agent-1', command: 'echo up; sleep 60' }

describe('await using', () => {
  test('of a run cancels a command that has not ended, and waits for its end', async () => {
    const ogent = system.client()
    let command_id = ''
    const use = async () => {
      await using run = ogent.execute(sleep)
      command_id = run.command_id
      for await (const _ of run.output) throw new Error('Enough was seen.')
    }
    await expect(use()).rejects.toThrow('Enough was seen.')
    expect(processesOf(command_id)).toEqual([])
    expect(await ogent.commands.get(command_id)).toMatchObject({ status: 'cancelled' })
  })

  test('of a run that is on its way cancels it too', async () => {
    const ogent = system.client()
    const used = () => {
      const run = ogent.execute(sleep)
      return { run, done: run[Symbol.asyncDispose]() }
    }
    const { run, done } = used()
    await done
    expect(await run).toMatchObject({ status: 'cancelled' })
  })

  test('does nothing to a run that has ended, has failed, or was left to itself', async () => {
    const ogent = system.client()
    const ended = ogent.execute({ ...sleep, command: 'true' })
    await ended
    await ended[Symbol.asyncDispose]()
    expect(await ended).toMatchObject({ status: 'success' })
    const failed = ogent.execute({ ...sleep, agent_id: 'agent-9' })
    await failed[Symbol.asyncDispose]()
    await expect(failed).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
    const left = ogent.execute(sleep)
    for await (const _ of left.output) break
    left.detach()
    await left[Symbol.asyncDispose]()
    expect(await ogent.commands.get(left.command_id)).toMatchObject({ status: 'running' })
    await ogent.commands.cancel(left.command_id)
  })

  test('of a run does not ask for its end when it was detached just before', async () => {
    let cancels = 0
    const cancel = async () => {
      cancels += 1
    }
    const run = new CommandRun({ ...neverEnding(), cancel })
    run.detach()
    await run[Symbol.asyncDispose]()
    expect(cancels).toBe(0)
    await expect(run).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('of a run that was attached to ends the listening, and the command goes on', async () => {
    const ogent = system.client()
    await using run = ogent.execute(sleep)
    for await (const _ of run.output) break
    const attached = ogent.commands.attach(run.command_id)
    await attached[Symbol.asyncDispose]()
    await expect(attached).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await ogent.commands.get(run.command_id)).toMatchObject({ status: 'running' })
  })

  test('of a run throws where its cancel is refused: the command may run on', async () => {
    const run = new CommandRun(neverEnding())
    await expect(run[Symbol.asyncDispose]()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('of a client closes it, after the runs that were made with it', async () => {
    const outer = system.client()
    let command_id = ''
    const client = await (async () => {
      await using ogent = system.client()
      await using run = ogent.execute(sleep)
      for await (const _ of run.output) break
      command_id = run.command_id
      return ogent
    })()
    await expect(client.me()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await outer.commands.get(command_id)).toMatchObject({ status: 'cancelled' })
    const run = client.execute(sleep)
    await run[Symbol.asyncDispose]()
  })
})
