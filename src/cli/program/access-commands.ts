import { type Command, Option } from 'commander'
import { actionSchema } from '../../shared/access/actions.js'
import type { ExplainFlags } from '../commands/access.js'
import type { ConnectionFlags } from '../session/connect.js'
import { collect, connection, examples, seconds, type Then } from './options.js'

/** The subcommands about the policy. */
export function accessCommands(program: Command, words: string[] | undefined, then: Then): void {
  const access = examples(
    program
      .command('access')
      .summary('keep the policy, and ask what is allowed')
      .description('Keep the policy, which says who may do what and where, and ask what is allowed'),
    ['ogent access explain -s env=prod -- uptime', 'may I?'],
    ['ogent access explain --as ann -s web-1 -- id', 'may ann?'],
    ['ogent access show > policy.json', 'the policy, to change it'],
    ['ogent access check policy.json', 'is it right?'],
    ['ogent access apply policy.json', 'save it'],
  )
  connection(access.command('show'))
    .description('Print the policy that is in force, as apply takes it')
    .option('--json', 'the same')
    .action((flags: ConnectionFlags) =>
      then(async () => (await import('../commands/access.js')).showPolicy(flags)),
    )
  connection(access.command('apply'))
    .description('Save a policy; one that was changed since it was shown is left as it is')
    .argument('<file>', 'JSON; - for the standard input')
    .option('--json', 'print JSON')
    .action((file: string, flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('../commands/access.js')).applyPolicy(file, flags)),
    )
  access
    .command('check')
    .description('Say what is wrong with a policy, and run its tests; no controller is asked')
    .argument('<file>', 'JSON; - for the standard input')
    .option('--json', 'print JSON')
    .action((file: string, flags: { json?: boolean }) =>
      then(async () => (await import('../commands/access.js')).checkPolicyFile(file, flags)),
    )
  addExplain(access, words, then)
}

function addExplain(access: Command, words: string[] | undefined, then: Then): void {
  connection(access.command('explain').usage('[options] [-- <command…>]'))
    .description('Say whether something is allowed, and why; exits with 1 where it is not')
    .option('--as <account>', 'whom it is about, such as ann, service:ci or role:deployer; you')
    .option('-s, --selector <text>', 'on which agents')
    .addOption(new Option('--action <action>', 'what would be done; run.shell').choices(actionSchema.options))
    .addOption(new Option('--target <where>', 'where the command would run').choices(['local', 'ssh']))
    .option('--env <NAME>', 'a variable that it would set; may be given again', collect)
    .option('--stdin', 'it would bring a standard input')
    .option('--cwd <folder>', 'in this folder')
    .option('--timeout <seconds>', 'with this time limit', seconds)
    .option('--json', 'print JSON')
    .action((flags: ExplainFlags) =>
      then(async () => (await import('../commands/access.js')).explainAccess(words, flags)),
    )
}
