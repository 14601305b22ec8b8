import { type Command, InvalidArgumentError } from 'commander'
import { JOIN_TOKEN_SECONDS } from '../../shared/access/join.js'
import type { CreateFlags } from '../commands/join-tokens.js'
import type { ConnectionFlags } from '../session/connect.js'
import { connection, examples, type Then } from './options.js'

type Listed = ConnectionFlags & { json?: boolean }

/** `ogent join-tokens`: how machines join. */
export function joinTokenCommands(program: Command, then: Then): void {
  const tokens = program
    .command('join-tokens')
    .summary('make tokens by which machines join, list or revoke them')
    .description('Tokens by which machines join as agents, each with a key of its own')
  const create = connection(tokens.command('create'))
    .description('Make a join token, and say the line that installs an agent and joins by it')
    .option('--labels <list>', 'labels that the agents get, such as env=prod,role=web')
    .option('--uses <n>', 'so many machines may join, or any', uses)
    .option('--ttl <time>', 'for so long: 90s, 30m, 2h, 7d (30d at most)', ttl)
    .option('--agent-id <glob>', "ids that the agents may have, such as 'web-*'")
    .option('--json', 'print JSON')
    .action((_flags: object, command: Command) =>
      then(async () =>
        (await import('../commands/join-tokens.js')).createJoinToken(command.optsWithGlobals<CreateFlags>()),
      ),
    )
  examples(
    create,
    ['ogent join-tokens create', 'for one machine, within an hour'],
    ["ogent join-tokens create --labels env=prod --uses 10 --agent-id 'web-*'", 'for ten'],
  )
  connection(tokens.command('list'))
    .description('List the join tokens that can be used still')
    .option('--json', 'print JSON lines')
    .action((_flags: object, command: Command) =>
      then(async () =>
        (await import('../commands/join-tokens.js')).listJoinTokens(command.optsWithGlobals<Listed>()),
      ),
    )
  connection(tokens.command('revoke'))
    .description('Revoke join tokens; agents that have joined by them stay')
    .argument('<token_id...>')
    .action((ids: string[], _flags: object, command: Command) =>
      then(async () =>
        (await import('../commands/join-tokens.js')).revokeJoinTokens(ids, command.optsWithGlobals()),
      ),
    )
}

/** What is changed of agents with `ogent agents`. */
export function enrolledAgentCommands(agents: Command, then: Then): void {
  const label = connection(agents.command('label'))
    .description('Assign labels to an agent, which win over its own and are those that policies see')
    .argument('<agent_id>')
    .argument('<labels...>', 'name=value assigns a label, name- takes one away')
    .action((id: string, words: string[], _flags: object, command: Command) =>
      then(async () =>
        (await import('../commands/enrolled-agents.js')).labelCommand(id, words, command.optsWithGlobals()),
      ),
    )
  examples(label, ['ogent agents label web-1 env=prod old-', 'assign env, take old away'])
  connection(agents.command('revoke'))
    .description('Revoke agents that have a key: their links are closed, and their ids are never given again')
    .argument('<agent_id...>')
    .action((ids: string[], _flags: object, command: Command) =>
      then(async () =>
        (await import('../commands/enrolled-agents.js')).revokeCommand(ids, command.optsWithGlobals()),
      ),
    )
  const change = (name: string, does: string, update: { accept_machine: true } | { rotate_key: true }) =>
    connection(agents.command(name))
      .description(does)
      .argument('<agent_id...>')
      .action((ids: string[], _flags: object, command: Command) =>
        then(async () =>
          (await import('../commands/enrolled-agents.js')).changeCommand(
            ids,
            update,
            command.optsWithGlobals(),
          ),
        ),
      )
  change('accept-machine', 'Accept that agents are on another machine now, whose key was AGENT_CLONED', {
    accept_machine: true,
  })
  change('rotate-key', 'Have agents make new keys, within minutes', { rotate_key: true })
}

function uses(text: string): number | null {
  if (text === 'any') return null
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > 10_000)
    throw new InvalidArgumentError('It takes a whole number from 1 to 10000, or any.')
  return count
}

function ttl(text: string): number {
  const seconds = secondsOf(text)
  if (seconds === undefined || seconds < 1 || seconds > JOIN_TOKEN_SECONDS.most)
    throw new InvalidArgumentError('It takes a time such as 90s, 30m, 2h or 7d, 30d at most.')
  return seconds
}

/** Time as 90s, 30m, 2h or 7d, in seconds. Undefined for what is none. */
function secondsOf(text: string): number | undefined {
  const [, count, unit = 's'] = /^(\d+)([smhd])?$/.exec(text) ?? []
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[unit]
  return count === undefined || factor === undefined ? undefined : Number(count) * factor
}
