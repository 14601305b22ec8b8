import { type Command, Option } from 'commander'
import { agentStatusSchema } from '../../shared/agents/agent.js'
import { recordStatusSchema } from '../../shared/commands/record.js'
import type { AgentsFlags, AgentsOutput } from '../commands/agents.js'
import type { AnalyzeFlags } from '../commands/analyze.js'
import type { HistoryFlags } from '../commands/history.js'
import type { ShowFlags } from '../commands/show.js'
import type { TopFlags } from '../commands/top.js'
import type { ConnectionFlags } from '../session/connect.js'
import { enrolledAgentCommands } from './enrolment-commands.js'
import { connection, examples, needWords, seconds, statuses, type Then, whole } from './options.js'

const outputs = ['wide', 'json', 'name'] satisfies AgentsOutput[]

/** The subcommands that ask a controller and change nothing, and those of `agents` that do. */
export function readCommands(program: Command, words: string[] | undefined, then: Then): void {
  addAgents(program, then)
  addHistory(program, then)
  addShow(program, then)
  addAnalyze(program, words, then)
  addTop(program, then)
  addDoctor(program, then)
}

function addAgents(program: Command, then: Then): void {
  const agents = connection(program.command('agents'))
    .summary('list the agents; label, revoke or forget some')
    .description('List the agents, all or those that a selector means; label, revoke or forget some')
    .argument('[selector]', "such as 'env=prod and not role=db', web-1+web-2 or 'web-[1-20]'")
    .option('--selector <text>', 'the same')
    .addOption(new Option('--status <status>', 'with this status').choices(agentStatusSchema.options))
    .option('-q, --search <text>', "that have this text in their name, host or a label's value")
    .option('--limit <n>', 'so many at most', whole(1, 1_000_000))
    .addOption(new Option('-o, --output <form>', 'how they are printed').choices(outputs))
    .option('--json', 'the same as -o json: JSON lines')
    .action((selector: string | undefined, flags: AgentsFlags) =>
      then(async () => (await import('../commands/agents.js')).agentsCommand(selector, flags)),
    )
  enrolledAgentCommands(agents, then)
  examples(
    agents,
    ["ogent agents 'env=prod and not role=db'", 'by their labels'],
    ["ogent agents 'agent_version < 1.4'", 'by what they say of themselves'],
    ['ogent agents --status disconnected -o wide', 'those that are offline'],
    ['ogent agents role=web -o name | xargs -n 1 …', 'for a script'],
  )
  connection(agents.command('forget'))
    .description('Forget agents that are not connected, and revoke those that have a key')
    .argument('<agent_id...>')
    .action((ids: string[], _flags: ConnectionFlags, command: Command) =>
      then(async () => (await import('../commands/agents.js')).forgetCommand(ids, command.optsWithGlobals())),
    )
}

function addHistory(program: Command, then: Then): void {
  const history = connection(program.command('history'))
    .summary('list the commands that were run')
    .description('List the commands that were run, newest first')
    .option('--agent <agent_id>', 'on this agent')
    .option('--label <name=value>', 'on agents that have this label now')
    .option(
      '--since <time>',
      'made since: 90s, 30m, 2h, 3d or 1w ago, a day (2026-11-30), or a time (RFC 3339)',
    )
    .option('--until <time>', 'made before: the same')
    .option('--user <name>', 'that this account asked for')
    .addOption(
      new Option('--status <status>', 'with this status; may be given again, and with commas between')
        .choices(recordStatusSchema.options)
        .argParser(statuses),
    )
    .addOption(new Option('--failed', 'that ended as error, timeout, lost or refused').conflicts('status'))
    .option('--exit-code <n>', 'that ended with this exit code', whole(0, 255))
    .option('--search <text>', 'that contain this text')
    .option('--limit <n>', 'so many at most', whole(1, 1_000_000), 20)
    .option('--json', 'print JSON lines')
    .action((flags: HistoryFlags) =>
      then(async () => (await import('../commands/history.js')).historyCommand(flags)),
    )
  examples(
    history,
    ['ogent history --since 2h --failed', 'what has failed of late'],
    ['ogent history --user ann --agent web-1', 'what one account ran on one agent'],
    ['ogent history --status pending,running', 'what has not ended'],
  )
}

function addShow(program: Command, then: Then): void {
  connection(program.command('show'))
    .summary('show one command, and what it wrote')
    .description('Show one command: how it ended, and what it wrote')
    .argument('<command_id>')
    .option('--cast', 'print its recording, for asciinema and other players of asciicast v2')
    .option('--json', 'print JSON')
    .action((id: string, flags: ShowFlags) =>
      then(async () => (await import('../commands/show.js')).showCommand(id, flags)),
    )
}

function addAnalyze(program: Command, words: string[] | undefined, then: Then): void {
  connection(program.command('analyze').usage('[options] -- <command…>'))
    .summary('say what a command would do, without running it')
    .description(
      'Say what a command would do, without running it; exits 1 where its risk is high, 2 where it cannot be read',
    )
    .option('--agent <agent_id>', 'the agent that it is for')
    .option('--system <text>', 'the system that it is for, such as Ubuntu 24.04')
    .option('--context <text>', 'what it is for')
    .option('--json', 'print JSON')
    .action((flags: AnalyzeFlags) => {
      const command = needWords(words, 'ogent analyze -- rm -rf build')
      then(async () => (await import('../commands/analyze.js')).analyzeCommand(command, flags))
    })
}

function addTop(program: Command, then: Then): void {
  connection(program.command('top'))
    .summary('show what runs where, live')
    .description('Show what runs where: live on a terminal, until q; once where the output is a pipe')
    .option('--interval <seconds>', 'look again after so long', seconds, 2)
    .option('--json', 'print the commands that have not ended, as JSON lines')
    .action((flags: TopFlags) => then(async () => (await import('../commands/top.js')).topCommand(flags)))
}

function addDoctor(program: Command, then: Then): void {
  connection(program.command('doctor'))
    .summary('find what is wrong, and say what to do')
    .description(
      'Look for what is wrong between here and the agents: address, encryption, clock, versions, store, login, disk, agents. Exits 1 where something fails',
    )
    .option('--json', 'print JSON lines')
    .action((flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('../commands/doctor.js')).doctorCommand(flags)),
    )
}
