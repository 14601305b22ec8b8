import { describe, expect, test } from 'vitest'
import type { LinkReader } from '../../../support/command-parts.js'
import { Site, siteWith, stateOf, steps } from './dispatch-site.js'

describe('a cancel', () => {
  test('ends the command, which is never sent, when its order waits', async () => {
    await using site = await siteWith('waiting')
    await site.cancel('c')
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(await site.parts.story('c')).toEqual(['response', 'cancel_requested', 'cancelled'])
    expect(await (await site.connect()).rest()).toEqual(['registered'])
  })

  test('ends the command when its order waits here, and the cancel was asked for at another controller', async () => {
    await using site = await siteWith('waiting')
    site.dispatcher.review(await site.cancelElsewhere('c'))
    expect((await site.parts.ended('c')).status).toBe('cancelled')
  })

  test('is sent to the agent when the order has been sent, each time it is asked for', async () => {
    await using site = new Site()
    const reader = await site.connect()
    await site.dispatch('c')
    await site.cancel('c')
    await site.cancel('c')
    expect(await reader.rest()).toEqual(['registered', 'execute c', 'cancel c', 'cancel c'])
    // One event of it is enough.
    expect(await site.parts.story('c')).toEqual(['response', 'cancel_requested'])
  })

  test('is sent when it was asked for at another controller', async () => {
    await using site = new Site()
    const reader = await site.connect()
    await site.dispatch('c')
    site.dispatcher.review(await site.cancelElsewhere('c'))
    expect(await reader.rest()).toEqual(['registered', 'execute c', 'cancel c'])
  })

  test('is sent when the agent comes back with the command', async () => {
    await using site = await siteWith('away')
    await site.cancel('c')
    expect(await (await site.connect('c')).rest()).toEqual(['registered', 'cancel c'])
  })

  test('ends the command when the agent comes back and never got the order', async () => {
    await using site = await siteWith('sent')
    await site.lose()
    await site.cancel('c')
    const reader = await site.connect()
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(await reader.rest()).toEqual(['registered'])
  })

  test('throws COMMAND_ENDED and writes nothing when the command has ended', async () => {
    await using site = await siteWith('ended')
    const story = await site.parts.story('c')
    await expect(site.cancel('c')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
    expect(await site.parts.story('c')).toEqual(story)
  })

  test('throws COMMAND_ENDED when the command has ended since its state was read', async () => {
    await using site = await siteWith('acknowledged')
    const before = await site.parts.state('c')
    await steps.end(site)
    await expect(site.dispatcher.cancel(before, 'olga')).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
  })
})

describe('a cancel of a command whose order waits for room on the link', () => {
  /** A link that has no room for the order of `c`, which is put behind a large one. */
  async function fullLink(site: Site) {
    const reader = await site.connect()
    await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
    await site.dispatch('c')
    expect(await stateOf(site, 'c')).toBe('waiting')
    return reader
  }

  /** Reads the link to the end of all that was dispatched. */
  async function readAll(site: Site, reader: LinkReader): Promise<string[]> {
    await site.dispatch('last')
    const read: string[] = []
    while (read.at(-1) !== 'execute last') read.push(await reader.next())
    return read
  }

  test('keeps the order from being sent when there is room while the command is being ended', async () => {
    await using site = new Site()
    const reader = await fullLink(site)
    const cancelled = site.cancel('c')
    // The cancel is noted by now, and its commit is under way.
    await new Promise(setImmediate)
    expect((await site.parts.state('c')).cancel_requested_by).toBe('olga')
    const read = await readAll(site, reader)
    await cancelled
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(read).not.toContain('execute c')
  })

  test('keeps the order from being sent when the cancel was asked for at another controller', async () => {
    await using site = new Site()
    const reader = await fullLink(site)
    const state = await site.cancelElsewhere('c')
    site.dispatcher.review(state)
    const read = await readAll(site, reader)
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(read).not.toContain('execute c')
  })

  test('ends the command in the end when the store is away for a while', async () => {
    await using site = new Site()
    const reader = await fullLink(site)
    const state = await site.parts.state('c')
    site.parts.fail('state', 1)
    await expect(site.dispatcher.cancel(state, 'olga')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const read = await readAll(site, reader)
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(read).not.toContain('execute c')
  })

  test('leaves the command withdrawn while its end cannot be written, and the next hello ends it', async () => {
    await using site = await siteWith('waiting')
    const state = await site.cancelElsewhere('c')
    site.parts.fail('append', Number.POSITIVE_INFINITY)
    await expect(site.dispatcher.cancel(state, 'olga')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await stateOf(site, 'c')).toBe('withdrawn')
    expect(site.dispatcher.counts()).toEqual({ waiting: 1, sent: 0 })
    // It was not sent, so that the loss of a link says nothing of it.
    site.parts.events.publish({ type: 'link_lost', agent_id: 'a1', sid: 'any' })
    expect(await site.parts.story('c')).toEqual(['response', 'cancel_requested'])
    site.parts.fail('append', 0)
    const reader = await site.connect()
    expect(await stateOf(site, 'c')).toBe('ended')
    expect(await reader.rest()).toEqual(['registered'])
  })

  test('ends the command when its order was sent by an earlier link and is to be resent', async () => {
    await using site = new Site()
    await site.dispatch('large', { command: 'x'.repeat(4 * 1024 * 1024) })
    await (await site.connect()).rest()
    await site.dispatch('c')
    await site.lose()
    // The agent has neither: both are owed.
    const reader = await site.connect()
    await site.cancel('c')
    const read = await readAll(site, reader)
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    expect(read).not.toContain('execute c')
  })

  test('ends a command that is new here, and was cancelled at another controller before its order left', async () => {
    await using site = await siteWith('untracked')
    const reader = await site.connect()
    site.dispatcher.review(await site.cancelElsewhere('c'))
    expect((await site.parts.ended('c')).status).toBe('cancelled')
    // In case that an owner before this one had sent it.
    expect(await readAll(site, reader)).toEqual(['registered', 'cancel c', 'execute last'])
  })
})
