import { type Command, Option } from 'commander'
import type { FollowFlags } from '../commands/follow.js'
import type { ConnectionFlags } from '../session/connect.js'
import type { RunFlags } from '../session/request.js'
import { collect, connection, examples, needWords, seconds, type Then, whole } from './options.js'

/** The subcommands that start commands, watch them and end them. */
export function runCommands(program: Command, words: string[] | undefined, then: Then): void {
  const run = connection(program.command('run').usage('<agents> [options] -- <command…>'))
    .summary('run a command on agents, and watch it live')
    .description('Run a command on an agent and watch it live; on several, each line behind its name')
    .argument('[agents...]', 'names, also with commas between: web-1,web-2')
    .option('--label <name=value>', 'every agent with this label; may be given again, for both', collect)
    .option('--all', 'every agent')
    .option('--connected', 'of those by --label or --all, only the ones that are there')
    .option('--concurrency <n>', 'on so many agents at a time', whole(1, 10_000), 16)
    .option('--timeout <seconds>', 'end the command after so long', seconds)
    .option('--cwd <folder>', 'run it in this folder')
    .option('--env <NAME=value>', 'set a variable for it; may be given again', collect)
    .addOption(
      new Option('--target <where>', 'where it runs').choices(['auto', 'local', 'ssh']).default('auto'),
    )
    .option(
      '--stdin',
      'read the standard input for it from a terminal too, or from a pipe that is silent at first (others always are)',
    )
    .option('--no-stdin', 'leave the standard input alone')
    .option('--wait <seconds>', 'wait so long for an agent that is offline', seconds, 10)
    .option('--ai', 'let the guard and the model look first; a high risk is refused')
    .option('--optimize', 'run the optimized command, where there is one')
    .addOption(
      new Option('--allow-risk <level>', 'run it although its risk is high; takes the role admin').choices([
        'high',
      ]),
    )
    .option('--id <command_id>', 'an id of your own: the same one again follows instead of starting')
    .option('-q, --quiet', 'no status line')
    .option('--json', 'print events as JSON lines')
    .action((agents: string[], flags: RunFlags) => {
      const command = needWords(words, 'ogent run web-1 -- uptime')
      then(async () => (await import('../commands/run.js')).runCommand(agents, command, flags))
    })
  examples(
    run,
    ['ogent run web-1 -- uptime', 'one agent; exits as it does'],
    ["ogent run web-1,web-2 -- 'df -h | tail -1'", 'a shell line, on two'],
    ['ogent run --label role=web --connected -- id', 'on all with a label'],
    ['ogent run db-1 --timeout 60 -- psql < q.sql', 'with input, in a minute'],
    ['tar c site | ogent run web-1 -- tar x -C /srv', 'with input of any length'],
  )
  connection(program.command('follow'))
    .summary('watch any command, from its beginning to its end')
    .description('Watch any command, from its beginning to its end; exits as ogent run does')
    .argument('<command_id>')
    .option('--from <seq>', 'begin at the event with this number', whole(1, Number.MAX_SAFE_INTEGER), 1)
    .option('-q, --quiet', 'no status line')
    .option('--json', 'print events as JSON lines')
    .action((id: string, flags: FollowFlags) =>
      then(async () => (await import('../commands/follow.js')).followCommand(id, flags)),
    )
  connection(program.command('cancel'))
    .summary('ask commands to end')
    .description('Ask commands to end')
    .argument('<command_id...>')
    .option('--json', 'print JSON lines')
    .action((ids: string[], flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('../commands/cancel.js')).cancelCommand(ids, flags)),
    )
}
