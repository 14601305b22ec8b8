import { judge, judgeQuickly, type Run } from './execution-context.js'
import { type AboutCommand, analyze, analyzeQuickly, type RuleAnalysis } from './guard.js'
import { isRearrangement } from './rearrangement.js'

/** The functions of the guard that read a text, by name: a thread is asked for one of them. */
export const work = { judge, analyze, isRearrangement }
export type Work = typeof work

/** A longer text, in characters, is not even tried in the calling thread. */
const longestQuick = 1024

/** The verdict when it takes about a millisecond; undefined when it may take longer. */
export function quickVerdict(run: Run): ReturnType<Work['judge']> | undefined {
  return sizeOf(run) <= longestQuick ? judgeQuickly(run) : undefined
}

/** The analysis when it takes a few milliseconds; undefined when it may take longer. */
export function quickAnalysis(command: string, about: AboutCommand): RuleAnalysis | undefined {
  return command.length <= longestQuick ? analyzeQuickly(command, about) : undefined
}

function sizeOf({ command, cwd = '', stdin = '', env }: Run): number {
  let size = command.length + cwd.length + stdin.length
  if (env) for (const name of Object.keys(env)) size += name.length + (env[name]?.length ?? 0)
  return size
}
