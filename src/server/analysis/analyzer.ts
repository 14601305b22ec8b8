import { createHash } from 'node:crypto'
import type {
  AiProcessing,
  Analysis,
  AnalyzeRequest,
  Optimization,
  Validation,
} from '../../shared/analysis/analysis.js'
import { withTimeout } from '../../shared/async/timeout.js'
import { utf8Bytes } from '../../shared/commands/request.js'
import { messageOf } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { Advisor, JudgedRun, Opinions, Question, Rules } from './ports.js'
import { type Masked, mask } from './secret-mask.js'

export type GuardOptions = {
  rules: Rules
  /** Absent where no key is configured. */
  advisor?: Advisor | undefined
  opinions: Opinions
  log: Log
  /** For all that the advisor is asked of one command, in ms. */
  adviceMs?: number
}

const ADVICE_MS = 15_000
/** A longer command is not sent to a model, in bytes: the rules answer alone. */
const LONGEST_QUESTION = 16 * 1024
/** Verdicts that are kept, of short runs: most machines are asked the same again and again. */
const KEPT_VERDICTS = 1000
const LONGEST_KEPT = 2048
/** Part of the key of what is kept: raise it when the questions change. */
const QUESTIONS = 1

type Asked = { opinion?: AiProcessing; warning?: string }

/** Says what a command would do: the rules always, and a model beside them where one is configured. */
export class Analyzer {
  readonly #options: GuardOptions
  /** The newest last. */
  readonly #verdicts = new Map<string, Validation>()
  readonly #asking = new Map<string, Promise<AiProcessing>>()
  readonly #aborters = new Set<AbortController>()

  constructor(options: GuardOptions) {
    this.#options = options
  }

  /** What the rules alone say of a command about to run. What takes long is done elsewhere, in turns by account. */
  judge(run: JudgedRun, account: string): Validation | Promise<Validation> {
    const { rules } = this.#options
    const { command, cwd = '', env, stdin, open_stdin } = run
    if (env || stdin !== undefined || open_stdin || command.length + cwd.length > LONGEST_KEPT)
      return rules.judge(run, account)
    // A folder holds no NUL, so no two runs share a key.
    const key = `${cwd}\0${command}`
    const verdict = this.#verdicts.get(key) ?? rules.judge(run, account)
    // A verdict that is still to come may be a late one, which holds for this time only.
    if (verdict instanceof Promise) return verdict
    // Set again at the end: the order is the order of use.
    this.#verdicts.delete(key)
    this.#verdicts.set(key, verdict)
    const [oldest] = this.#verdicts.keys()
    if (this.#verdicts.size > KEPT_VERDICTS && oldest !== undefined) this.#verdicts.delete(oldest)
    return verdict
  }

  /** Folds one verdict onto another: the stricter one holds, the sentences add up. */
  fold(verdict: Validation, opinion: Validation): Validation {
    return this.#options.rules.fold(verdict, opinion)
  }

  /** Never rejects for the sake of the model: then the rules answer, with a warning. `ask: false`: rules only. */
  async analyze(
    request: AnalyzeRequest,
    { ask = true, account = '' }: { ask?: boolean; account?: string } = {},
  ): Promise<Analysis> {
    const { command, agent_id, system, context } = request
    const about = {
      ...(system === undefined ? {} : { system }),
      ...(context === undefined ? {} : { context }),
    }
    const { validation, optimization, enrichment } = await this.#options.rules.analyze(
      command,
      about,
      account,
    )
    const own: AiProcessing = { validation, optimization, enrichment }
    const { opinion, warning }: Asked = ask ? await this.#ask({ command, ...about }) : {}
    const said = opinion ? await this.#fold(command, own, opinion, account) : own
    return {
      command,
      processed_command: command,
      ...said,
      source: opinion ? 'ai+rules' : 'rules',
      ai_processing: said,
      ...(agent_id === undefined ? {} : { agent_id }),
      ...(warning === undefined ? {} : { warnings: [warning] }),
      timestamp: new Date().toISOString(),
    }
  }

  /** Gives up what is being asked. */
  close(): void {
    for (const aborter of this.#aborters) aborter.abort()
  }

  async #ask(question: Question): Promise<Asked> {
    const { advisor, log } = this.#options
    if (!advisor) return {}
    const alone = 'This is what the rules say without it.'
    if (utf8Bytes(question.command) > LONGEST_QUESTION) {
      return { warning: `The command is too long to ask the model about. ${alone}` }
    }
    const masked = mask([question.command, question.system ?? '', question.context ?? ''])
    try {
      const opinion = await this.#opinionOf(advisor, toQuestion(masked, question))
      return { opinion: restored(opinion, masked) }
    } catch (error) {
      const why = messageOf(error)
      log.warn({ model: advisor.model, why }, 'the model gave no answer, the rules answer alone')
      return { warning: `The model gave no answer (${why}). ${alone}` }
    }
  }

  /** From the store, from a question that is under way, or by asking; what is kept holds no secret. */
  async #opinionOf(advisor: Advisor, question: Question): Promise<AiProcessing> {
    const { opinions, log } = this.#options
    const { command, system, context } = question
    const words = [QUESTIONS, advisor.model, command, system ?? null, context ?? null]
    const key = createHash('sha256').update(JSON.stringify(words)).digest('hex')
    const kept = await opinions.get(key)
    if (kept) return kept
    const asked = this.#asking.get(key)
    if (asked) return asked
    const asking = this.#advice(advisor, question)
    this.#asking.set(key, asking)
    const forget = () => this.#asking.delete(key)
    try {
      const opinion = await asking
      // Until the store has it, who asks the same gets it from here.
      opinions
        .put(key, opinion)
        .catch((error) => log.warn({ err: error }, 'an opinion could not be kept'))
        .finally(forget)
      return opinion
    } catch (error) {
      forget()
      throw error
    }
  }

  async #advice(advisor: Advisor, question: Question): Promise<AiProcessing> {
    const ms = this.#options.adviceMs ?? ADVICE_MS
    const aborter = new AbortController()
    this.#aborters.add(aborter)
    const tooLate = new Error(`it took longer than ${ms / 1000} s`)
    const late = () => {
      throw tooLate
    }
    const { signal } = aborter
    try {
      return await withTimeout(advisor.advise(question, signal), ms, late, { signal })
    } finally {
      this.#aborters.delete(aborter)
      // An answer that is still on its way is not used any more.
      aborter.abort(tooLate)
    }
  }

  async #fold(
    command: string,
    own: AiProcessing,
    opinion: AiProcessing,
    account: string,
  ): Promise<AiProcessing> {
    const { enrichment } = own
    const also = opinion.enrichment
    return {
      validation: this.#options.rules.fold(own.validation, opinion.validation),
      optimization: await this.#foldOptimization(command, own.optimization, opinion.optimization, account),
      enrichment: {
        purpose: also.purpose || enrichment.purpose,
        components: union(enrichment.components, also.components),
        side_effects: union(enrichment.side_effects, also.side_effects),
        prerequisites: union(enrichment.prerequisites, also.prerequisites),
        related_commands: union(enrichment.related_commands, also.related_commands),
      },
    }
  }

  /** A model's line is the optimized command only where it adds nothing of its own; else it is shown as an idea. */
  async #foldOptimization(
    command: string,
    own: Optimization,
    opinion: Optimization,
    account: string,
  ): Promise<Optimization> {
    const proposal = opinion.optimized_command.trim()
    if (proposal === '' || proposal === command.trim() || proposal === own.optimized_command) return own
    if (await this.#options.rules.isRearrangement(command, proposal, account)) {
      return {
        optimized_command: proposal,
        improvements: opinion.improvements,
        explanation: opinion.explanation,
      }
    }
    const idea = `An idea of the model, not checked and never run by itself: ${proposal}`
    return { ...own, improvements: [...own.improvements, idea] }
  }
}

function toQuestion({ texts }: Masked, asked: Question): Question {
  const [command = '', system = '', context = ''] = texts
  return {
    command,
    ...(asked.system === undefined ? {} : { system }),
    ...(asked.context === undefined ? {} : { context }),
  }
}

/** The model's line with the secrets back in it; in its sentences they stay masked. */
function restored(opinion: AiProcessing, masked: Masked): AiProcessing {
  const { optimization } = opinion
  const optimized_command = masked.restore(optimization.optimized_command)
  return { ...opinion, optimization: { ...optimization, optimized_command } }
}

function union(some: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...some, ...more])]
}
