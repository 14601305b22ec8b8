import { forEachChild, type ParsedScript, type SyntaxNode } from 'unbash'
import type { Optimization } from '../../shared/analysis/analysis.js'
import { type Edit, optimizers } from './optimizers.js'

/** Enough for any line that a person reads. */
const mostNodes = 5_000
const deepest = 40

/** A better way to write the same command; the command itself when none is as safe. */
export function optimizationOf(
  command: string,
  script: ParsedScript | undefined,
  isNoWorse: (text: string) => boolean,
): Optimization {
  const found =
    script && !script.errors?.length && command.length <= 16_384 ? improvements(command, script) : []
  const edits = found.flatMap((one) => one.edits)
  const rewritten = apply(command, edits)
  const kept = rewritten !== command && isNoWorse(rewritten) ? rewritten : command
  const notes = found.filter((one) => one.edits.length === 0 || kept !== command).map((one) => one.why)
  return {
    optimized_command: kept,
    improvements: [...new Set(notes)],
    explanation:
      kept !== command
        ? `The optimized command does the same. ${notes.length === 1 ? 'One thing is' : `${notes.length} things are`} better: see improvements.`
        : notes.length > 0
          ? 'The command is left as it is; the improvements are advice.'
          : 'Nothing to improve was found.',
  }
}

interface Improvement {
  readonly why: string
  readonly edits: readonly Edit[]
}

function improvements(command: string, script: ParsedScript): readonly Improvement[] {
  const found: Improvement[] = []
  let left = mostNodes
  const visit = (node: SyntaxNode, depth: number): void => {
    if (left-- <= 0 || depth > deepest) return
    for (const optimizer of optimizers) {
      const edits = optimizer.edits(node, command)
      if (edits) found.push({ why: optimizer.why, edits })
    }
    // Inside a word, positions may refer to another text, so only lists of commands are visited.
    if (node.type !== 'Word' && node.type !== 'HereDoc')
      forEachChild(node, (child) => visit(child, depth + 1))
  }
  visit(script, 0)
  return found
}

/** Applies edits from the end to the beginning; of two that overlap, the later one in the text wins. */
function apply(command: string, edits: readonly Edit[]): string {
  const sorted = [...edits].sort((a, b) => b.from - a.from || b.to - a.to)
  let text = command
  let end = Number.POSITIVE_INFINITY
  for (const edit of sorted) {
    if (edit.to > end) continue
    text = text.slice(0, edit.from) + edit.by + text.slice(edit.to)
    end = edit.from
  }
  return text
}
