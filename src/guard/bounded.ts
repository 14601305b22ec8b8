import type { Validation } from '../shared/analysis/analysis.js'
import { mostInput, type Run } from './execution-context.js'
import { type AboutCommand, type RuleAnalysis, unreadable } from './guard.js'
import { foldOpinion, lateVerdict } from './verdict.js'
import { quickAnalysis, quickVerdict, type Work } from './work.js'

/** A thread that does the work of the guard within a deadline; undefined for work that is late or too much. */
export interface GuardThread {
  ask<N extends keyof Work>(
    account: string,
    name: N,
    ...args: Parameters<Work[N]>
  ): Promise<ReturnType<Work[N]> | undefined>
}

/** The deadline of one question and how many may wait: the same for a controller and an agent. */
export const threadLimits = { deadlineMs: 100, waitingPerAccount: 8, waiting: 64 } as const

/** The guard for an event loop: it reads short commands at once and others in a thread; one that is late is never low. */
export class BoundedGuard {
  readonly #thread: GuardThread

  constructor(thread: GuardThread) {
    this.#thread = thread
  }

  /** The same as `Guard.judge`; the promise never rejects. */
  judge(run: Run, account: string): Validation | Promise<Validation> {
    const quick = quickVerdict(run)
    if (quick) return quick
    const { command, cwd, env, stdin, open_stdin } = run
    return this.#thread
      .ask(account, 'judge', { command, cwd, env, stdin: stdin?.slice(0, mostInput + 1), open_stdin })
      .then((verdict) => verdict ?? lateVerdict)
  }

  /** The same as `Guard.analyze`; the promise never rejects. */
  analyze(command: string, about: AboutCommand, account: string): RuleAnalysis | Promise<RuleAnalysis> {
    const quick = quickAnalysis(command, about)
    if (quick) return quick
    return this.#thread
      .ask(account, 'analyze', command, about)
      .then((analysis) => analysis ?? unreadable(command, lateVerdict))
  }

  async isRearrangement(command: string, proposal: string, account: string): Promise<boolean> {
    return (await this.#thread.ask(account, 'isRearrangement', command, proposal)) ?? false
  }

  fold(verdict: Validation, opinion: Validation): Validation {
    return foldOpinion(verdict, opinion)
  }
}
