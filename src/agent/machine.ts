import { execFile } from 'node:child_process'
import { arch, hostname, release, type } from 'node:os'
import type { AgentInfo } from '../shared/agent.js'

const PROBE_MS = 5000

/** What an agent says of its machine. */
export async function machineFacts(): Promise<
  Pick<AgentInfo, 'platform' | 'version' | 'python' | 'node' | 'hostname' | 'arch'>
> {
  return {
    platform: type(),
    version: release(),
    python: await pythonVersion(),
    node: process.versions.node,
    hostname: hostname(),
    arch: arch(),
  }
}

/** The documented field of the original; null where there is no Python. */
async function pythonVersion(): Promise<string | null> {
  for (const program of ['python3', 'python']) {
    const said = await firstLine(program, ['--version'])
    const version = said?.match(/^Python (\S+)/)?.[1]
    if (version) return version
  }
  return null
}

function firstLine(program: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: PROBE_MS }, (error, stdout) => {
      resolve(error ? undefined : stdout.split('\n', 1)[0])
    })
  })
}
