import { loadCLibrary } from './c-library.js'

// <sys/prctl.h> of Linux.
const PR_SET_DUMPABLE = 4

/**
 * Keeps other processes of the same user from reading this one's memory, and its environment in /proc, where its secrets
 * are: commands run as their agent's user, and with `ogent start` as the controller's too. Root may read both all the
 * same. Nor is a core dump written. False where that cannot be had: not on Linux, or without koffi.
 */
export async function hideMemory(): Promise<boolean> {
  const c = await loadCLibrary()
  return c !== undefined && c.processControl(PR_SET_DUMPABLE, 0, 0, 0, 0) === 0
}
