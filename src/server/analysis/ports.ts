import type { AiProcessing, Validation } from '../../shared/analysis/analysis.js'

/** What can be said of a command line without a model: `src/guard`. */
export interface Rules {
  analyze(
    command: string,
    about: { system?: string; context?: string },
    account: string,
  ): AiProcessing | Promise<AiProcessing>
  /** The verdict alone, with what the command meets when it runs. */
  judge(run: JudgedRun, account: string): Validation | Promise<Validation>
  /** Folds an opinion onto a verdict: it may raise it and add to it, nothing else. */
  fold(verdict: Validation, opinion: Validation): Validation
  /** Whether a proposed line only arranges the words of another anew, and is no riskier. */
  isRearrangement(command: string, proposal: string, account: string): boolean | Promise<boolean>
}

/** A command, and what of its request can change what it does. */
export type JudgedRun = {
  command: string
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  stdin?: string | undefined
  open_stdin?: boolean | undefined
}

/** What a model is asked; secrets in it are masked. */
export type Question = { command: string; system?: string; context?: string }

/** A model that has an opinion of commands. */
export interface Advisor {
  /** The model's name: another model has other opinions. */
  readonly model: string
  /** Rejects with a short phrase that holds nothing of what the provider said, which may repeat the key. */
  advise(question: Question, signal: AbortSignal): Promise<AiProcessing>
}

/** Opinions asked for before, in a bound: the oldest go first. */
export interface Opinions {
  get(key: string): Promise<AiProcessing | undefined>
  put(key: string, opinion: AiProcessing): Promise<void>
}
