import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { withCommandId } from '../../../src/cli/session/command-id.js'
import type { OgentClient } from '../../../src/client/client.js'
import type { CommandFilter, CommandPage } from '../../../src/shared/commands/record.js'
import { OgentError } from '../../../src/shared/errors.js'
import { newId } from '../../../src/shared/id.js'
import { ogent as runOgent } from '../../support/ogent.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  const client = system.client()
  for (const command_id of ['alpha', 'beta-1', 'beta-2', 'beta-2-again']) {
    await client.execute({ agent_id: 'agent-1', command_id, command: `echo ${command_id}` })
  }
  await client.commands.start({ agent_id: 'agent-1', command_id: 'open-1', command: 'sleep 300' })
})
afterAll(() => system[Symbol.asyncDispose]())

const ogent = (...args: string[]) => runOgent(system, args)

describe('a command', () => {
  test('is found by the beginning of its id', async () => {
    expect((await ogent('show', 'al')).stdout).toMatch(/\nid: +alpha\n/)
    expect((await ogent('show', '--json', 'al')).stdout).toContain('"command_id":"alpha"')
    expect((await ogent('show', '--cast', 'al')).stdout).toContain('alpha')
    expect(await ogent('follow', 'al')).toEqual({ code: 0, stdout: 'alpha\n', stderr: '' })
    expect(await ogent('cancel', 'op')).toEqual({ code: 0, stdout: 'open-1 is asked to end.\n', stderr: '' })
  })

  test('is the one with that id where others begin with it', async () => {
    expect((await ogent('show', 'beta-2')).stdout).toMatch(/\nid: +beta-2\n/)
  })

  test('is named with the others where several begin so, and nothing is done', async () => {
    const named = 'ogent: beta begins the ids of 3 commands: beta-2-again, beta-2, beta-1\n'
    for (const name of ['show', 'follow', 'cancel']) {
      expect(await ogent(name, 'beta'), name).toEqual({ code: 64, stdout: '', stderr: named })
    }
    const { code, stderr } = await ogent('cancel', 'beta', 'alpha')
    expect(code).toBe(64)
    expect(stderr).toContain('has ended')
  })

  test('is unknown where none begins so', async () => {
    const { code, stderr } = await ogent('show', 'gamma')
    expect(code).toBe(1)
    expect(stderr).toMatch(/gamma.*\n.*ogent history/)
  })
})

/** A controller with a long history, of which only the list is asked for. */
function history(ids: { id: string; created_at: string }[]) {
  let pages = 0
  const list = async ({
    since = '',
    until = '~',
    limit = 50,
    cursor,
  }: CommandFilter): Promise<CommandPage> => {
    pages += 1
    const from = Number(cursor ?? 0)
    const rows = ids.filter(({ created_at }) => created_at >= since && created_at < until)
    const commands = rows.slice(from, from + limit).map(({ id }) => ({ command_id: id }))
    const next_cursor = from + limit < rows.length ? String(from + limit) : null
    // Only the ids are looked at.
    return { commands, next_cursor } as CommandPage
  }
  // The rest is not called.
  const client = { commands: { list } } as unknown as OgentClient
  const find = (typed: string) =>
    withCommandId(client, typed, async (id) => {
      if (ids.some((one) => one.id === id)) return id
      throw new OgentError('COMMAND_NOT_FOUND', 'unknown')
    })
  return { find, pages: () => pages }
}

describe('a long history', () => {
  const at = (time: number) => new Date(time).toISOString()
  const old = Date.parse('2026-03-01T12:00:00Z')
  vi.useFakeTimers({ now: old, toFake: ['Date'] })
  const early = newId()
  vi.useRealTimers()
  const others = Array.from({ length: 5000 }, (_, n) => ({
    id: `x-${n}`,
    created_at: at(old + 90 * 86_400_000 - n),
  }))
  // The clock of the caller who made the id was five minutes off.
  const ids = [...others, { id: early, created_at: at(old + 300_000) }, { id: 'named', created_at: at(old) }]

  test.each([5, 6, 8, 10, 15, 26])(
    'has an old command by the first %i letters of a ULID',
    async (letters) => {
      const { find, pages } = history(ids)
      expect(await find(early.slice(0, letters))).toBe(early)
      expect(pages()).toBeLessThanOrEqual(20)
    },
  )

  test('is searched within a bound for all else', async () => {
    const { find, pages } = history(ids)
    await expect(find('name')).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
    expect(pages()).toBe(10)
    await expect(find('ZZZZZZZZ')).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
    expect(await find('x-1999')).toBe('x-1999')
  })
})
