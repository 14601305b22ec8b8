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
  tryInPlace,
  versionOf,
} from '../upgrade/new-program.js'
import { isConnected, isWanted, type Restarted, restart, waitUntilIdle } from '../upgrade/service.js'

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
 * restarts it in a moment in which no command runs. Where there is none in time, nothing is changed; where the new program does
 * not start, or does not connect, the one before is put back.
 */
export async function upgradeAgent({ wait, prefix, url, bundle }: UpgradeFlags): Promise<number> {
  const installed = installationBelow(prefix)
  const fresh = bundle === undefined ? await downloadFor(installed, url) : readFileSync(bundle)
  // One that is damaged is there to be replaced.
  const before = await versionOf(installed.program).catch(() => 'a program that does not start')
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

const WHY = 'See why: journalctl -u ogent-agent -n 50'

type Exchange = { wait: number; before: string; after: string }

async function exchange(installed: Installation, { wait, before, after }: Exchange): Promise<number> {
  const { program, state, managed } = installed
  if (!managed || !(await isWanted())) {
    putInPlace(program)
    process.stdout.write(
      managed
        ? `${after} is in the place of ${before}; the service does not run.\n`
        : `${after} is in the place of ${before}. Restart the agent when it runs no command: a stop ends those that run.\n`,
    )
    return 0
  }
  const open = await waitUntilIdle(state, wait * 1000, (commands) => {
    process.stderr.write(`ogent: ${running(commands)}; new ones wait. This waits up to ${wait} s.\n`)
  })
  if (open > 0) {
    throw new LocalError(
      `${running(open)} after ${wait} s: nothing was changed, and the agent takes new ones again in a moment.`,
      'Wait longer (--wait 3600), or end them: ogent cancel ID. After systemctl stop ogent-agent, which ends them, nothing is waited for.',
    )
  }
  const wasConnected = isConnected(state)
  // Where the one before was not connected either, it may be the controller that is away.
  const isGood = (how: Restarted) => how === 'connected' || (how === 'not_connected' && !wasConnected)
  const restarted = await tryInPlace(program, () => restart(state), isGood)
  if (restarted === 'connected') {
    process.stdout.write(`${after} is in the place of ${before}, and is connected. No command was ended.\n`)
    return 0
  }
  if (isGood(restarted)) {
    throw new LocalError(
      `${after} is in the place of ${before}, and is not connected after 30 s; nor was the one before.`,
      WHY,
    )
  }
  throw await startPrevious(restarted, { state, before, after })
}

/** Starts the program that is back in its place; gives the error that says so. */
async function startPrevious(
  restarted: Restarted,
  { state, before, after }: { state: string; before: string; after: string },
): Promise<LocalError> {
  const failed = restarted === 'failed' ? 'does not run' : 'did not connect within 30 s'
  const again = await restart(state)
  const now = again === 'connected' ? 'is connected again' : 'was started again, and is not connected yet'
  return new LocalError(`${after} ${failed}: ${before} is back in its place, and ${now}.`, WHY)
}

async function downloadFor({ url, ca, proxies }: Installation, given: string | undefined): Promise<Buffer> {
  const from = given ?? url
  // By the agent's way to its controller, where this program has none of its own.
  for (const [name, value] of Object.entries(proxies)) process.env[name] ??= value
  if (from === undefined) throw new UsageError('which controller? --url takes its address')
  return downloadProgram(from, ca)
}

function running(commands: number): string {
  return commands === 1 ? '1 command still runs' : `${commands} commands still run`
}
