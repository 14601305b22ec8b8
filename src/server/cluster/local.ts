import type { Attendance, OwnedWork, Ownership } from './ports.js'

/** Ownership where one controller has the store to itself: it owns every key. */
export class LocalOwnership implements Ownership {
  start(work: OwnedWork): Promise<void> {
    return work.recover()
  }

  async send(_key: string, _message: string, here: () => void): Promise<void> {
    here()
  }

  /** All that was left open was recovered at the start. */
  acquired(): boolean {
    return false
  }

  async ownsIdle(): Promise<boolean> {
    return true
  }

  drop(): void {}

  async close(): Promise<void> {}
}

/** Attendance where there are no other controllers: who attends here is known without asking. */
export const localAttendance: Attendance = {
  async attend() {},
  async leave() {},
  count: async () => 0,
}
