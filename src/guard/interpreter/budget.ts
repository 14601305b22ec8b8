/**
 * The bounds of one analysis, counted in work and not in time, so that the same text always gets the same answer.
 * What is beyond a bound is not seen: `exhausted` is then true for good, and the verdict may not be `low`.
 */
export interface Budget {
  readonly exhausted: boolean
  /** A bound was reached: more work would find nothing more, so the walk may stop. */
  readonly spent: boolean
  /** Spends an amount of one kind; false when that kind is used up. */
  take(kind: BudgetKind, amount?: number): boolean
  /** Records that something was left out for another reason, such as a text that does not parse. */
  leaveOut(): void
}

export type BudgetKind = keyof typeof bounds

/**
 * Chosen by measuring: pathological inputs of 128 KiB stay under 100 ms of an idle core, and 98 of 100 shell scripts of a
 * Debian system, which are longer than most commands, need less of every kind.
 */
const bounds = {
  /** Commands found, wrapped and nested ones counted apart. */
  invocations: 600,
  /** Words after expansion. */
  fields: 2_500,
  /** Words passed from a wrapper to what it runs, once for each wrapper. */
  handed: 5_000,
  /** Characters of text that is parsed again: substitutions, `sh -c` texts, decoded payloads. */
  reparsed: 160_000,
  /** Characters made by expansion: this stops variables that double themselves. */
  expanded: 200_000,
  /** Nodes of the tree, of any kind. */
  nodes: 7_000,
} as const

export type Bounds = Readonly<Record<keyof typeof bounds, number>>

/** So little that it takes about a millisecond: a command that needs more is read in a thread of its own. */
export const quickBounds: Bounds = {
  invocations: 24,
  fields: 200,
  handed: 300,
  reparsed: 2_000,
  expanded: 4_000,
  nodes: 300,
}

/** How deep scripts, lists and calls may nest. */
export const maxDepth = 40
/** How many possible values a variable or a word may have at once. */
export const maxAlternatives = 64

export function createBudget(limits: Bounds = bounds): Budget {
  const left: Record<BudgetKind, number> = { ...limits }
  let leftOut = false
  let spent = false
  return {
    get exhausted() {
      return leftOut || spent
    },
    get spent() {
      return spent
    },
    take(kind, amount = 1) {
      if (left[kind] < amount) {
        spent = true
        return false
      }
      left[kind] -= amount
      return true
    },
    leaveOut() {
      leftOut = true
    },
  }
}

const mostSources = 64

/** Commands without duplicates, and only a few: variables that double themselves would double these too. */
export function gathered<T>(sources: readonly T[], budget: Budget): readonly T[] {
  if (sources.length < 2) return sources
  const unique = [...new Set(sources)]
  if (unique.length <= mostSources) return unique
  budget.leaveOut()
  return unique.slice(0, mostSources)
}
