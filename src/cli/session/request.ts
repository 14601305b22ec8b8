import type { CommandRequest } from '../../shared/commands/request.js'
import { UsageError } from '../errors/report.js'
import type { ConnectionFlags } from './connect.js'

export type RunFlags = ConnectionFlags & {
  label?: string[]
  all?: boolean
  connected?: boolean
  concurrency: number
  timeout?: number
  cwd?: string
  env?: string[]
  target: 'auto' | 'local' | 'ssh'
  stdin?: boolean
  wait: number
  ai?: boolean
  optimize?: boolean
  allowRisk?: 'high'
  id?: string
  json?: boolean
  quiet?: boolean
}

/** What is asked of each agent, but for what the command reads. */
export function toRequest(words: string[], flags: RunFlags): Omit<CommandRequest, 'agent_id' | 'stdin'> {
  const { timeout, cwd, env, target, wait, id, ai, optimize, allowRisk } = flags
  return {
    command: toCommand(words),
    execution_target: target,
    deliver_within_seconds: wait,
    ...(timeout === undefined ? {} : { timeout_seconds: timeout }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: toEnvironment(env) }),
    ...(id === undefined ? {} : { command_id: id }),
    ...(ai ? { use_ai: true } : {}),
    ...(optimize ? { apply_optimization: true } : {}),
    ...(allowRisk === undefined ? {} : { allow_risk: allowRisk }),
  }
}

/** One word is a shell text as it is; several are a program and its arguments, each kept as it was typed. */
export function toCommand(words: string[]): string {
  const [only] = words
  if (words.length === 1 && only !== undefined) return only
  return words
    .map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')
}

function toEnvironment(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`--env takes NAME=value, got ${pair}`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
