import type { OgentClient } from '../../client/client.js'
import type { Agent } from '../../shared/agents/agent.js'
import { sleep } from '../../shared/async/sleep.js'
import type { CommandRecord } from '../../shared/commands/record.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { withoutPasswords, write, writeJson } from '../output/output.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { placeOf } from '../session/place.js'
import { type Board, linesOf } from '../top/board.js'
import { FullScreen } from '../top/full-screen.js'

export type TopFlags = ConnectionFlags & { interval: number; json?: boolean }

const PAGE = 200
/** Commands that are read at a time: no screen has more lines. */
const MOST_COMMANDS = 1000
/** A controller is asked no more often. */
const LEAST_MS = 100

/** `ogent top`: what runs where. A screen that follows it on a terminal, until q; elsewhere one look. */
export async function topCommand(flags: TopFlags): Promise<number> {
  const isLive = process.stdout.isTTY && process.env.TERM !== 'dumb' && !flags.json
  const ogent = await connect(flags)
  try {
    if (isLive) await follow(ogent, flags)
    else await once(ogent, flags)
    return 0
  } finally {
    await ogent.close()
  }
}

async function once(ogent: OgentClient, flags: TopFlags): Promise<void> {
  const heading = await headingOf(ogent, flags)
  const [agents, open] = await Promise.all([ogent.agents.list(), openCommands(ogent)])
  if (flags.json) {
    for (const record of open.commands) await writeJson(record)
    return
  }
  const room = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY }
  for (const line of linesOf({ heading, agents, ...open }, Date.now(), room))
    await write(process.stdout, `${line}\n`)
}

async function follow(ogent: OgentClient, flags: TopFlags): Promise<void> {
  const heading = await headingOf(ogent, flags)
  const board: Board = { heading, agents: [], ...(await openCommands(ogent)) }
  const screen = new FullScreen(() =>
    linesOf(board, Date.now(), { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }),
  )
  try {
    // The first ends only by an error, or with the client.
    await Promise.race([
      followAgents(ogent, board),
      refresh(ogent, board, screen, Math.max(flags.interval * 1000, LEAST_MS)),
    ])
  } finally {
    screen.close()
  }
}

async function refresh(ogent: OgentClient, board: Board, screen: FullScreen, everyMs: number): Promise<void> {
  while (!screen.signal.aborted) {
    try {
      Object.assign(board, await openCommands(ogent), { trouble: undefined })
    } catch (error) {
      if (!isPassing(error)) throw error
      board.trouble = `${withoutPasswords(messageOf(error))} Trying again.`
    }
    if (screen.signal.aborted) return
    screen.draw()
    await sleep(everyMs, { signal: screen.signal }).catch(() => {})
  }
}

/** What may be over at the next look. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof OgentError && ['CONNECTION_LOST', 'UNAVAILABLE', 'RATE_LIMITED'].includes(error.code)
  )
}

async function followAgents(ogent: OgentClient, board: Board): Promise<void> {
  const known = new Map<string, Agent>()
  for await (const event of ogent.agents.watch()) {
    if (event.type === 'snapshot') {
      known.clear()
      for (const agent of event.agents) known.set(agent.agent_id, agent)
    } else if (event.type === 'agent_forgotten') known.delete(event.agent.agent_id)
    else known.set(event.agent.agent_id, event.agent)
    board.agents = [...known.values()]
  }
}

async function openCommands(ogent: OgentClient): Promise<{ commands: CommandRecord[]; hasMore: boolean }> {
  const commands: CommandRecord[] = []
  let cursor: string | null = null
  do {
    const page = await ogent.commands.list({
      status: ['pending', 'running'],
      limit: PAGE,
      cursor: cursor ?? undefined,
    })
    commands.push(...page.commands)
    cursor = page.next_cursor
  } while (cursor !== null && commands.length < MOST_COMMANDS)
  return { commands, hasMore: cursor !== null }
}

async function headingOf(ogent: OgentClient, flags: TopFlags): Promise<string> {
  const { username, role } = await ogent.me()
  return `ogent top · ${withoutPasswords(placeOf(flags).url)} · ${username} (${role})`
}
