import { type Command, InvalidArgumentError, Option } from 'commander'
import { limits } from '../../shared/commands/request.js'
import type { UpgradeFlags } from '../commands/agent-upgrade.js'

/** Adds `upgrade` to `ogent agent`, or to the agent's own program. */
export function addUpgrade(to: Command, then: (act: () => Promise<number>) => void): void {
  to.command('upgrade')
    .description("Renew this machine's agent from its controller, in a moment in which it runs no command")
    .option('--wait <seconds>', 'wait so long for commands that run', seconds, 300)
    .option('--url <url>', 'the controller; else the one of the agent')
    .option('--prefix <folder>', 'the folder below which install.sh has put it', '/')
    .addOption(new Option('--bundle <file>', 'a program that is here, instead of a download').hideHelp())
    .action((flags: UpgradeFlags) =>
      then(async () => (await import('../commands/agent-upgrade.js')).upgradeAgent(flags)),
    )
}

function seconds(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > limits.seconds)
    throw new InvalidArgumentError(`It takes whole seconds, ${limits.seconds} at most.`)
  return Number(text)
}
