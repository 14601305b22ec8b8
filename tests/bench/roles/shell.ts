import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'

export type StreamName = 'stdout' | 'stderr'

const { PATH, HOME, LANG } = process.env

/** Spawns `/bin/sh -c command` cold, as the peers without an agent of ours do; gives the exit code. */
export function runShell(
  command: string,
  onData: (stream: StreamName, data: Buffer, source: Readable) => void,
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], {
      env: { PATH, HOME, LANG },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.once('error', reject)
    child.stdout.on('data', (data: Buffer) => onData('stdout', data, child.stdout))
    child.stderr.on('data', (data: Buffer) => onData('stderr', data, child.stderr))
    child.once('close', resolve)
  })
}
