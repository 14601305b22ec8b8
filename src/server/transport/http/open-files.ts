import { readFileSync } from 'node:fs'

/** Open files that the controller needs for other things than connections. */
const OTHER_FILES = 256

/** Connections that this process may have: as many files as it may open, but for those that it needs otherwise. */
export function connectionsAtMost(limits = readLimits()): number | undefined {
  const soft = limits?.match(/^Max open files\s+(\d+|unlimited)/m)?.[1]
  if (soft === undefined || soft === 'unlimited') return undefined
  const files = Number(soft)
  return Math.max(files - OTHER_FILES, Math.floor(files / 2))
}

function readLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return undefined
  }
}
