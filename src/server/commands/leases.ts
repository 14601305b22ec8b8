import type { Attendance } from '../cluster/ports.js'

/** Subscribers that asked to take their command with them when they go, by command, at this controller and at others. */
export class Leases {
  readonly #attendance: Attendance
  readonly #abandon: (command_id: string) => Promise<void>
  readonly #held = new Map<string, number>()

  /** `abandon` ends a command whose last subscriber is gone. */
  constructor(attendance: Attendance, abandon: (command_id: string) => Promise<void>) {
    this.#attendance = attendance
    this.#abandon = abandon
  }

  /** Counts a subscriber here; `release` counts it off. */
  hold(command_id: string): void {
    this.#held.set(command_id, (this.#held.get(command_id) ?? 0) + 1)
  }

  async release(command_id: string): Promise<void> {
    const left = (this.#held.get(command_id) ?? 1) - 1
    if (left > 0) {
      this.#held.set(command_id, left)
      return
    }
    this.#held.delete(command_id)
    await this.#attendance.leave(command_id)
    if ((await this.#attendance.count(command_id)) > 0) return
    await this.#abandon(command_id)
  }
}
