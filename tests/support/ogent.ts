import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repository } from './samples.js'
import { accounts, type System } from './system.js'

export type Said = { code: number | null; stdout: string; stderr: string }

export type OgentOptions = {
  /** As whom, by name and password in the environment; `nobody` sets neither. */
  as?: keyof typeof accounts | 'nobody'
  env?: Record<string, string>
  /** What it reads: this text by a pipe, `open` for a pipe that the test ends, else nothing. */
  stdin?: string | 'open'
}

/** The built `ogent` as a process of its own, with no login of whoever runs the tests. */
export function startOgent(system: System, args: string[], options: OgentOptions = {}) {
  const { as = 'operator', stdin } = options
  const who = as === 'nobody' ? undefined : accounts[as]
  const child: ChildProcess = spawn(process.execPath, [`${repository}dist/cli/main.js`, ...args], {
    env: {
      PATH: process.env.PATH,
      OGENT_URL: system.url,
      XDG_CONFIG_HOME: configOf(system),
      ...(who ? { OGENT_USERNAME: who.username, OGENT_PASSWORD: who.password } : {}),
      ...options.env,
    },
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new Error('ogent is spawned with pipes.')
  const said = { stdout: '', stderr: '' }
  stdout.on('data', (data) => {
    said.stdout += data
  })
  stderr.on('data', (data) => {
    said.stderr += data
  })
  // It may end without having read it all.
  child.stdin?.on('error', () => {})
  if (stdin !== undefined && stdin !== 'open') child.stdin?.end(stdin)
  const ended = once(child, 'close').then(([code]): Said => ({ code, ...said }))
  return { child, stdout, said, ended }
}

/** Where that `ogent` keeps its login. */
export function configOf(system: System): string {
  return join(system.folder, 'config')
}

/** Runs it to its end. */
export function ogent(system: System, args: string[], options: OgentOptions = {}): Promise<Said> {
  return startOgent(system, args, options).ended
}

/** JSON lines, as they were printed. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
