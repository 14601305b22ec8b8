import { constants } from 'node:os'
import type { CLibrary } from '../../../host/c-library.js'
import { systemCode } from '../../../shared/errors.js'
import { type ProcessRow, processRow } from './process-table.js'

// System calls of Linux, the same number on every architecture that Node.js runs on: pidfd_open(2), pidfd_send_signal(2).
const PIDFD_OPEN = 434
const PIDFD_SEND_SIGNAL = 424

/** Sends a signal to this very process, and to none that has got its id since. One that is gone takes it in silence. */
export function signalProcess(c: CLibrary | undefined, row: ProcessRow, signal: NodeJS.Signals): void {
  // From here on the descriptor means one process: the one whose start is looked at, or one that has ended.
  const fd = c ? Number(c.systemCall(PIDFD_OPEN, row.pid, 0, 0, 0)) : -1
  try {
    if (processRow(row.pid)?.started !== row.started) return
    if (c && fd >= 0) c.systemCall(PIDFD_SEND_SIGNAL, fd, constants.signals[signal], 0, 0)
    else process.kill(row.pid, signal)
  } catch (error) {
    // EPERM: it runs as another user (sudo). It goes on, and so does the agent.
    if (!['ESRCH', 'EPERM'].includes(String(systemCode(error)))) throw error
  } finally {
    if (c && fd >= 0) c.close(fd)
  }
}
