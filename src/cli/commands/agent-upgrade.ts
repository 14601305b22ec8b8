import { readFileSync, rmSync } from 'node:fs'
import { LocalError } from '../errors/next-step.js'
import { UsageError } from '../errors/report.js'
import { type Installation, installationBelow } from '../upgrade/installation.js'
import {
  downloadProgram,
  isInstalled,
  putInPlace,
  stage,
  stagedBeside,
  versionOf,
} from '../upgrade/new-program.js'
import { mainPid, restart, waitUntilIdle } from '../upgrade/service.js'

export type UpgradeFlags = {
  /** Seconds to wait for commands that run. */
  wait: number
  prefix: string
  url?: string
  /** A program that was downloaded and checked before. */
  bundle?: string
}

/**
 * `ogent agent upgrade`: renews the program of the agent that install.sh has put on this machine, from its controller, and
 * restarts it in a moment in which no command runs. Where there is none in time, nothing is changed.
 */
export async function upgradeAgent({ wait, prefix, url, bundle }: UpgradeFlags): Promise<number> {
  const installed = installationBelow(prefix)
  const fresh = bundle === undefined ? await downloadFor(installed, url) : readFileSync(bundle)
  const before = await versionOf(installed.program)
  if (isInstalled(installed, fresh)) {
    process.stdout.write(`${before} is what the controller has: nothing to do.\n`)
    return 0
  }
  try {
    const after = await versionOf(stage(installed.program, fresh))
    return await exchange(installed, { wait, before, after })
  } finally {
    rmSync(stagedBeside(installed.program), { force: true })
  }
}

type Exchange = { wait: number; before: string; after: string }

async function exchange(installed: Installation, { wait, before, after }: Exchange): Promise<number> {
  const { program, state, managed } = installed
  const pid = managed ? await mainPid() : undefined
  if (pid === undefined) {
    putInPlace(program)
    process.stdout.write(
      managed
        ? `${after} is in the place of ${before}; the service does not run.\n`
        : `${after} is in the place of ${before}. Restart the agent when it runs no command: a stop ends those that run.\n`,
    )
    return 0
  }
  const open = await waitUntilIdle(pid, state, wait * 1000, (commands) => {
    process.stderr.write(`ogent: ${running(commands)}; new ones wait. This waits up to ${wait} s.\n`)
  })
  if (open > 0) {
    throw new LocalError(
      `${running(open)} after ${wait} s: nothing was changed, and the agent takes new ones again in a moment.`,
      'Wait longer (--wait 3600), or end them: ogent cancel ID. After systemctl stop ogent-agent, which ends them, nothing is waited for.',
    )
  }
  putInPlace(program)
  if (await restart(state)) {
    process.stdout.write(`${after} is in the place of ${before}, and is connected. No command was ended.\n`)
    return 0
  }
  throw new LocalError(
    `${after} is in the place of ${before}, and is not connected after 15 s.`,
    'See why: journalctl -u ogent-agent -n 20',
  )
}

async function downloadFor({ url, ca }: Installation, given: string | undefined): Promise<Buffer> {
  const from = given ?? url
  if (from === undefined) throw new UsageError('which controller? --url takes its address')
  return downloadProgram(from, ca)
}

function running(commands: number): string {
  return commands === 1 ? '1 command still runs' : `${commands} commands still run`
}
