import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export type Ended = { code: number | null; stdout: string; stderr: string }

type RunOptions = { cwd?: string; env?: Record<string, string>; timeoutMs?: number; stdin?: string }

/** Runs a program to its end, with nothing of our environment but what it takes to find programs. */
export async function run(file: string, args: string[], options: RunOptions = {}): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 280_000,
    killSignal: 'SIGKILL',
  })
  // A program that reads less than it is given is no fault of ours.
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}
