import type { Agent } from '../../shared/agents/agent.js'
import type { Execute, ExecuteOptions, ExecuteRequest } from '../commands/methods.js'
import type { CommandRun } from '../commands/run.js'
import { type ShellValue, shellCommand } from '../commands/shell.js'
import type { CallOptions } from '../options.js'
import type { AgentMethods } from './methods.js'

/** How a command is run on an agent: what a request has besides the agent and the command, and what `execute` takes. */
export interface AgentRunOptions extends Omit<ExecuteRequest, 'agent_id' | 'command'>, ExecuteOptions {}

/** One agent, by its id. Nothing is asked of the controller until a method is called. */
export interface RemoteAgent {
  /** The id of the agent. */
  readonly agent_id: string
  /** Runs a command there, by `/bin/sh -c`: the text is the shell's to read. The handle is that of `execute`. */
  run(command: string, options?: AgentRunOptions): CommandRun
  /**
   * Runs a command that is written as a template: each value is quoted for a POSIX shell, so that it is one word, or for a list
   * several, regardless of what is in it. The rest is the shell's to read, backslashes too, so `$HOME`, pipes and redirections work.
   * A value that begins with `-` may still be read as an option by the program: put `--` before it. Throws TypeError for a value
   * that is no text, finite number or list of them, for one with a NUL, and where a value is inside quotes of the template.
   */
  sh(template: TemplateStringsArray, ...values: ShellValue[]): CommandRun
  /** What the controller knows of the agent. Throws AGENT_NOT_FOUND. */
  get(options?: CallOptions): Promise<Agent>
  /** Forgets the agent, which must not be connected. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN; takes the role admin. */
  forget(options?: CallOptions): Promise<void>
}

export function remoteAgent(agent_id: string, execute: Execute, agents: AgentMethods): RemoteAgent {
  return {
    agent_id,
    run: (command, { signal, throwOnError, ...request } = {}) =>
      execute({ ...request, agent_id, command }, { signal, throwOnError }),
    sh: (template, ...values) => execute({ agent_id, command: shellCommand(template, values) }),
    get: (options) => agents.get(agent_id, options),
    forget: (options) => agents.forget(agent_id, options),
  }
}
