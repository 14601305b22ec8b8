import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'dotenv'
import { messageOf } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'

/** An agent as packaging/install/install.sh has put it on this machine. */
export type Installation = {
  /** The one file that is the agent. */
  program: string
  /** The agent's own folder. */
  state: string
  /** Whether systemd of this machine runs it. */
  managed: boolean
  url: string | undefined
  /** A file with certificates to trust. */
  ca: string | undefined
  /** Variables that name proxies, from its settings. */
  proxies: Record<string, string>
}

const PROXIES = /^(?:https?|no)_proxy$/i

/** The installation below a folder. Throws a LocalError where there is none, or it is not for this user. */
export function installationBelow(prefix: string): Installation {
  const program = join(prefix, 'usr/local/lib/ogent-agent/ogent-agent.mjs')
  if (!existsSync(program)) {
    throw new LocalError(
      `There is no agent at ${program}.`,
      'Only one that install.sh of its controller has installed is upgraded here; for others see docs/install-agent.md.',
    )
  }
  const settings = settingsIn(join(prefix, 'etc/ogent/agent.env'))
  const isRoot = join(prefix, '/') === '/'
  return {
    program,
    state: join(prefix, 'var/lib/ogent-agent'),
    managed:
      isRoot && existsSync('/run/systemd/system') && existsSync('/etc/systemd/system/ogent-agent.service'),
    url: settings.CONTROLLER_URL,
    ca: settings.CONTROLLER_CA,
    proxies: Object.fromEntries(Object.entries(settings).filter(([name]) => PROXIES.test(name))),
  }
}

function settingsIn(file: string): Record<string, string> {
  try {
    return parse(readFileSync(file))
  } catch (error) {
    throw new LocalError(`${file} cannot be read: ${messageOf(error)}.`, 'Run this as root: sudo …')
  }
}
