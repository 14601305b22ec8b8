import { spawn } from 'node:child_process'
import { parentPort } from 'node:worker_threads'

/** What a thread is asked to start: a shell with these files as its first four. */
export type SpawnRequest = {
  id: number
  args: string[]
  env: Record<string, string>
  cwd: string | undefined
  fds: number[]
}

export type SpawnNews = { id: number } & (
  | { kind: 'started'; pid: number }
  | { kind: 'failed'; message: string }
  | { kind: 'exited'; exit_code: number | null; signal: string | null }
)

/**
 * The thread that starts shells ahead of need. Starting a process blocks the thread that does it, for longer the
 * more memory the process has: here it holds up nobody.
 */
parentPort?.on('message', ({ id, args, env, cwd, fds }: SpawnRequest) => {
  const tell = (news: SpawnNews) => parentPort?.postMessage(news)
  const child = spawn('/bin/sh', args, { env, cwd, stdio: fds, detached: true })
  child.once('spawn', () => tell({ id, kind: 'started', pid: child.pid ?? 0 }))
  child.once('error', ({ message }) => tell({ id, kind: 'failed', message }))
  child.once('exit', (exit_code, signal) => tell({ id, kind: 'exited', exit_code, signal }))
})
