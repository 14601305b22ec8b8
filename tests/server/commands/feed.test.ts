import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { expect, test } from 'vitest'
import { type AgentHandle, createAgent } from '../../../src/agent/app.js'
import { callAs, onBothStores } from '../../support/both-stores.js'
import { temporaryFolder } from '../../support/folder.js'
import { accounts, silent } from '../../support/system.js'

type Message = { event: string; data: Record<string, unknown> }

/** A feed that is read as it comes, until it is closed. */
class Feed implements AsyncDisposable {
  readonly messages: Message[] = []
  readonly comments: string[] = []
  readonly #reply: IncomingMessage
  #rest = ''

  private constructor(reply: IncomingMessage) {
    this.#reply = reply
    reply.setEncoding('utf8').on('error', () => {})
  }

  /** Resolves once the feed says that it misses nothing from there on. */
  static async open(url: string, query: string, role: keyof typeof accounts = 'viewer'): Promise<Feed> {
    const feed = new Feed(await ask(url, query, role))
    feed.read()
    await feed.until('it is connected', () => feed.comments.includes('connected'))
    return feed
  }

  /** The same, of which nothing more is read. */
  static async stalled(url: string, query: string): Promise<Feed> {
    const feed = await Feed.open(url, query)
    feed.#reply.pause()
    return feed
  }

  read(): void {
    this.#reply.on('data', (text: string) => this.#hear(text))
  }

  goOn(): void {
    this.#reply.resume()
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    await expect.poll(holds, { timeout: 120_000, interval: 20, message: what }).toBe(true)
  }

  untilResult(command_id: string): Promise<void> {
    return this.until(`the result of ${command_id}`, () =>
      this.messages.some(({ event, data }) => event === 'command_result' && data.command_id === command_id),
    )
  }

  get isOver(): boolean {
    return this.#reply.complete
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reply.destroy()
  }

  #hear(text: string): void {
    const parts = (this.#rest + text).split('\n\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) {
      if (part.startsWith(': ')) this.comments.push(part.slice(2))
      const [, event, data] = part.match(/^event: (\w+)\ndata: (.*)$/) ?? []
      if (event && data) this.messages.push({ event, data: JSON.parse(data) })
    }
  }
}

async function ask(url: string, query: string, role: keyof typeof accounts): Promise<IncomingMessage> {
  const { username, password } = accounts[role]
  const body = new URLSearchParams({ username, password })
  const login = await fetch(`${url}/token`, { method: 'POST', body })
  const { access_token } = (await login.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  const sent = request(`${url}/events${query}`, { headers, agent: false })
  sent.on('error', () => {})
  sent.end()
  const [reply] = await once(sent, 'response')
  return reply
}

function start(url: string, agent_id: string, command_id: string, command: string) {
  const headers = { prefer: 'respond-async' }
  return callAs(url, 'operator', `/agents/${agent_id}/execute`, { body: { command, command_id }, headers })
}

/** An agent at a controller, registered. */
async function agentAt(url: string, agent_id: string): Promise<AgentHandle & AsyncDisposable> {
  const folder = temporaryFolder()
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: url,
      AGENT_USERNAME: accounts.agent.username,
      AGENT_PASSWORD: accounts.agent.password,
      AGENT_ID: agent_id,
      AGENT_STATE_DIR: folder.path,
      RECONNECT_DELAY: 0.05,
    },
    log: silent,
  })
  await agent.registered
  return Object.assign(agent, {
    [Symbol.asyncDispose]: async () => {
      await agent.stop({ drainMs: 0 })
      folder[Symbol.dispose]()
    },
  })
}

onBothStores('the feed of all events', (open) => {
  test('shows what happens at any controller, in the shapes of /ws', async () => {
    await using site = await open()
    const [first, second] = site.urls
    await using feed = await Feed.open(second, '')
    await using _agent = await agentAt(first, 'a1')
    await start(first, 'a1', 'c1', 'echo one; echo two >&2; exit 3')
    await feed.untilResult('c1')
    await feed.until('the agent', () => feed.messages.some(({ event }) => event === 'agent_connected'))

    const ofCommand = feed.messages.filter(({ data }) => data.command_id === 'c1')
    expect(ofCommand[0]).toMatchObject({
      event: 'command_response',
      data: { type: 'command_response', agent_id: 'a1', status: 'pending', requested_by: 'olga' },
    })
    expect(ofCommand[1]).toMatchObject({ event: 'command_progress', data: { state: 'started' } })
    const written = ofCommand.filter(({ data }) => data.state === 'output').map(({ data }) => data.data)
    expect(written.sort()).toEqual(['one\n', 'two\n'])
    expect(ofCommand.at(-1)).toMatchObject({
      event: 'command_result',
      data: { status: 'error', result: { exit_code: 3, stdout: 'one\n', stderr: 'two\n' } },
    })
    const connected = feed.messages.find(({ event }) => event === 'agent_connected')
    expect(connected).toMatchObject({
      data: { type: 'agent_connected', agent: { agent_id: 'a1', status: 'connected' } },
    })
    // Each event once, in its order, as the route of the command gives it.
    const { text } = await callAs(first, 'viewer', '/commands/c1/events')
    const whole = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    expect(ofCommand.map(({ data }) => data)).toEqual(whole)
  })

  test('shows a command that runs already from now on', async () => {
    await using site = await open()
    const [first, second] = site.urls
    await using _agent = await agentAt(first, 'a1')
    await using before = await Feed.open(first, '')
    await start(first, 'a1', 'c1', 'echo before; sleep 300')
    await before.until('output', () => before.messages.some(({ data }) => data.data === 'before\n'))
    await using later = await Feed.open(second, '')
    await callAs(first, 'operator', '/commands/c1/cancel', { body: {} })
    await later.untilResult('c1')
    expect(later.messages.filter(({ data }) => data.command_id === 'c1')).toMatchObject([
      { event: 'command_progress', data: { state: 'cancel_requested', requested_by: 'olga' } },
      { event: 'command_result', data: { status: 'cancelled' } },
    ])
  })

  test('gives what its parameters choose, each of which may be repeated', async () => {
    await using site = await open()
    const [first, second] = site.urls
    await using ofAgent = await Feed.open(second, '?agent=a1')
    await using ofCommands = await Feed.open(first, '?command=c2&command=c3')
    await using ofTypes = await Feed.open(second, '?type=command_result&type=agent_connected')
    await using all = await Feed.open(first, '')
    await using _one = await agentAt(first, 'a1')
    await using _two = await agentAt(second, 'a2')
    await start(first, 'a1', 'c1', 'echo 1')
    await start(second, 'a2', 'c2', 'echo 2')
    await start(first, 'a2', 'c3', 'echo 3')
    for (const id of ['c1', 'c2', 'c3']) await all.untilResult(id)
    await ofAgent.untilResult('c1')
    for (const id of ['c2', 'c3']) await ofCommands.untilResult(id)
    for (const id of ['c1', 'c2', 'c3']) await ofTypes.untilResult(id)

    const commandsOf = (feed: Feed) => new Set(feed.messages.map(({ data }) => data.command_id))
    expect(commandsOf(ofAgent)).toEqual(new Set([undefined, 'c1']))
    expect(ofAgent.messages.filter(({ event }) => event === 'agent_connected')).toHaveLength(1)
    expect(commandsOf(ofCommands)).toEqual(new Set(['c2', 'c3']))
    expect(new Set(ofTypes.messages.map(({ event }) => event))).toEqual(
      new Set(['agent_connected', 'command_result']),
    )
  })

  test('refuses what it does not know, and accounts that may not view commands', async () => {
    await using site = await open()
    const [url] = site.urls
    const wrong = await callAs(url, 'viewer', '/events?agents=a1')
    expect(wrong).toMatchObject({
      status: 422,
      body: { summary: expect.stringContaining('did you mean `agent`?') },
    })
    expect(await callAs(url, 'viewer', '/events?type=command_end')).toMatchObject({ status: 422 })
    expect(await callAs(url, 'agent', '/events')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
  })

  test('ends with a comment when its account has as many subscriptions as it may', async () => {
    await using site = await open({ MAX_SUBSCRIPTIONS_PER_USER: 3 })
    const [first, second] = site.urls
    await using _agent = await agentAt(first, 'a1')
    await using feed = await Feed.open(second, '?type=command_result')
    // The feed is one subscription, and each command that it follows is one more.
    for (const id of ['c1', 'c2', 'c3']) await start(first, 'a1', id, 'sleep 300')
    await feed.until('its end', () => feed.comments.some((comment) => comment.startsWith('ended: ')))
    expect(feed.comments.at(-1)).toBe(
      'ended: victor has 3 subscriptions open, which is the limit: close some, or try again later.',
    )
    await feed.until('the end of the reply', () => feed.isOver)
    // What it held is returned.
    await using again = await Feed.open(second, '?command=c4')
    expect(again.comments).toEqual(['connected'])
  })

  test('holds up no other when it is not read, and goes on when it is', async () => {
    await using site = await open()
    const [first, second] = site.urls
    await using _agent = await agentAt(first, 'a1')
    await using stalled = await Feed.stalled(second, '')
    const command = 'head -c 3000000 /dev/zero | tr "\\0" x'
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5', 'c6']) await start(first, 'a1', id, command)
    await using other = await Feed.open(second, '?type=command_result')
    await start(first, 'a1', 'c7', 'echo hi')
    await other.untilResult('c7')
    stalled.goOn()
    for (const id of ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7']) await stalled.untilResult(id)
    const bytes = stalled.messages
      .filter(({ data }) => data.command_id === 'c6' && data.state === 'output')
      .reduce((sum, { data }) => sum + Number(data.bytes), 0)
    expect(bytes).toBe(3_000_000)
  })
})
