import type { AgentInfo } from '../../shared/agents/agent.js'
import type { ExecutionTarget } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import type { Executor, Log } from '../commands/ports.js'
import type { AgentSettings } from '../config.js'
import type { ControlGroups } from './local/control-groups.js'
import { LocalExecutor } from './local/executor.js'
import type { SshExecutor } from './ssh/executor.js'

/** What an agent's info takes of an error. */
const LONGEST_ERROR = 1024

export type TargetsOptions = {
  log: Log
  /** How results name this machine. */
  localName: () => string
  /** For commands on this machine, where they can be had. */
  controlGroups: ControlGroups | undefined
  /** Commands of an agent before this one, whose processes may still run on the SSH target. */
  leftovers: string[]
  /** Called when the state of the SSH target changes. */
  onChange: () => void
}

/** Where an agent runs commands: its own machine, and its SSH target if it has one. */
export type Targets = {
  /** `auto` is the SSH target where one is configured; nothing moves elsewhere because that is down. */
  choose(target: ExecutionTarget): Executor
  /** The part of the agent's info that follows its target. */
  info(): Pick<AgentInfo, 'ssh_enabled' | 'ssh_target' | 'ssh_status' | 'ssh_error'> & Partial<AgentInfo>
  /** Ends by force what still runs. */
  close(): Promise<void>
}

export async function openTargets(settings: AgentSettings, options: TargetsOptions): Promise<Targets> {
  const graceMs = settings.KILL_GRACE_SECONDS * 1000
  const { localName, controlGroups } = options
  const local = new LocalExecutor({ target: localName, leftBehindMs: graceMs, controlGroups })
  const ssh = await openSsh(settings, options)
  return {
    choose(target) {
      if (target === 'local' || (target === 'auto' && !ssh)) return local
      if (ssh) return ssh
      throw new OgentError('TARGET_UNAVAILABLE', 'This agent has no SSH target configured.')
    },
    info: () => ({
      ssh_enabled: ssh !== undefined,
      ssh_target: ssh?.target ?? null,
      ssh_status: ssh?.status ?? 'disabled',
      ssh_error: ssh?.lastError?.slice(0, LONGEST_ERROR) ?? null,
      // The machine that commands run on is the one to describe, once it has said what it is.
      ...(ssh?.facts ?? {}),
    }),
    async close() {
      await Promise.all([local.close(), ssh?.close()])
    },
  }
}

async function openSsh(settings: AgentSettings, options: TargetsOptions): Promise<SshExecutor | undefined> {
  const { SSH_ENABLED, SSH_HOST, SSH_USERNAME } = settings
  if (!SSH_ENABLED || SSH_HOST === undefined || SSH_USERNAME === undefined) return undefined
  const graceMs = settings.KILL_GRACE_SECONDS * 1000
  // Loaded only where there is a target: every process that an agent starts costs by the agent's memory.
  const { SshExecutor } = await import('./ssh/executor.js')
  const ssh = new SshExecutor(
    {
      host: SSH_HOST,
      port: settings.SSH_PORT,
      username: SSH_USERNAME,
      password: settings.SSH_PASSWORD,
      keyPath: settings.SSH_KEY_PATH,
      keyPassphrase: settings.SSH_KEY_PASSPHRASE,
      timeoutMs: settings.SSH_TIMEOUT * 1000,
      knownHostsPath: settings.SSH_KNOWN_HOSTS,
      hostFingerprint: settings.SSH_HOST_FINGERPRINT,
      agentSocket: settings.SSH_AUTH_SOCK,
    },
    { log: options.log, killGraceMs: graceMs, leftBehindMs: graceMs, onStatus: options.onChange },
  )
  ssh.endAtNextConnection(options.leftovers)
  ssh.open()
  return ssh
}
