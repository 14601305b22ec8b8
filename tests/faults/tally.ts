import { appendFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Verdict } from './probe.js'
import { seed } from './random.js'
import { type Row, tableOf } from './rows.js'

const rows: Row[] = []

/** Counts one scenario; a row of the table that is printed at the end. */
export class Tally {
  readonly #row: Row
  readonly #complaints: string[] = []

  constructor(scenario: string) {
    this.#row = { scenario, faults: 0, commands: 0, lost: 0, doubled: 0, incomplete: 0, short: 0, killed: 0 }
    rows.push(this.#row)
  }

  fault(count = 1): void {
    this.#row.faults += count
  }

  /** `mayBeLost`: the command's agent was killed, so that its end may honestly be unknown. */
  add(verdict: Verdict, mayBeLost = false): void {
    const row = this.#row
    row.commands += 1
    const honest = mayBeLost && verdict.outcome?.status === 'lost'
    if (honest) row.killed += 1
    if (verdict.lost.length > 0 && !honest) row.lost += 1
    if (verdict.doubled.length > 0) row.doubled += 1
    if (verdict.incomplete.length > 0) row.incomplete += 1
    if (verdict.short.length > 0) row.short += 1
    const said = [
      ...(honest ? [] : verdict.lost),
      ...verdict.doubled,
      ...verdict.incomplete,
      ...verdict.short,
    ]
    for (const sentence of said) this.#complaints.push(`${verdict.command_id}: ${sentence}`)
  }

  /** Whether something was not as it should be. */
  get failed(): boolean {
    return this.#complaints.length > 0
  }

  /** Fails the test unless nothing was lost, doubled, incomplete or shown short. */
  check(logs = ''): void {
    const { lost, doubled, incomplete, short } = this.#row
    const told = [`OGENT_SEED=${seed}`, ...this.#complaints, logs].join('\n')
    const none = { lost: 0, doubled: 0, incomplete: 0, short: 0 }
    expect({ lost, doubled, incomplete, short }, told).toEqual(none)
  }
}

/** At the end of each file: the table, or its rows for the one table of a long run. */
export function report(): void {
  const file = process.env.OGENT_FAULTS_REPORT
  if (file === undefined) return void process.stdout.write(tableOf(seed, rows))
  for (const row of rows) appendFileSync(file, `${JSON.stringify(row)}\n`)
}
