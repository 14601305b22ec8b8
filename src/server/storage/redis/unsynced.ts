/**
 * Redis answers before a write is in its file: with `appendfsync everysec` it puts writing off for up to 2 s while the
 * disk is still busy with the sync before (flushAppendOnlyFile in aof.c), and it replicates behind its answers. What it
 * acknowledged for so long before it died may be gone, and some time for answers that were late, in ms.
 */
export const UNSYNCED_MS = 5000
