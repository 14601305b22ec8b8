import type { Receipt } from '../../shared/link/protocol.js'
import type { Outbox } from './outbox.js'
import type { Ledger, Log } from './ports.js'

/** Ends what is still running of a command that an agent before this one started; resolves when it is gone. */
export type EndOrphans = (command_id: string) => Promise<void>

const REASON = 'The agent was restarted while the command ran; how it ended is not known.'

/**
 * The commands that a killed agent left unfinished. Their processes are ended, and each is reported as lost:
 * once they are gone, and once the controller has said which of the command's reports it has stored.
 */
export class Orphans {
  readonly #outbox: Outbox
  readonly #ledger: Ledger
  readonly #gone = new Map<string, Promise<void>>()

  constructor(command_ids: string[], ports: { outbox: Outbox; ledger: Ledger; log: Log; end: EndOrphans }) {
    this.#outbox = ports.outbox
    this.#ledger = ports.ledger
    for (const command_id of command_ids) {
      const gone = ports.end(command_id).catch((error) => {
        ports.log.error({ command_id, err: error }, 'what a killed agent left behind could not be ended')
      })
      this.#gone.set(command_id, gone)
    }
  }

  /** To be named in the hello. */
  commands(): string[] {
    return [...this.#gone.keys()]
  }

  /** Takes from the controller which reports it has stored; the ends of these commands follow as reports. */
  receive(receipts: Receipt[]): void {
    for (const { command_id, stored } of receipts) {
      const gone = this.#gone.get(command_id)
      if (!gone) continue
      this.#gone.delete(command_id)
      if (stored === null) {
        this.#ledger.settled(command_id)
        continue
      }
      this.#outbox.open(command_id, stored)
      void gone.then(() => this.#outbox.lost(command_id, REASON))
    }
  }
}
