import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { arch, hostname, release, type } from 'node:os'
import { join } from 'node:path'
import type { AgentInfo } from '../../shared/agents/agent.js'
import type { Machine } from '../../shared/link/protocol.js'

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

/**
 * Hashes that tell this machine from one that a copy of its state folder is on: by its machine-id (machine-id(5)) with
 * its hostname, and by the boot. In a container neither lasts from one start to the next, or all of an image have the
 * same: there is none. `root` is the folder that the system's files are below.
 */
export function machineIdentity(root = '/', name = hostname()): Machine | undefined {
  if (IN_CONTAINER.some((file) => existsSync(join(root, file)))) return undefined
  const machineId = read(join(root, 'etc/machine-id'))
  const bootId = read(join(root, 'proc/sys/kernel/random/boot_id'))
  if (machineId === undefined || bootId === undefined || !/^[0-9a-f]{32}$/.test(machineId)) return undefined
  return { id: hash(`machine ${machineId} ${name}`), boot: hash(`boot ${bootId}`) }
}

/** What Docker, Podman and Kubernetes leave in each container. */
const IN_CONTAINER = ['.dockerenv', 'run/.containerenv', 'var/run/secrets/kubernetes.io']

function hash(text: string): string {
  return createHash('sha256').update(`ogent ${text}`).digest('hex').slice(0, 32)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
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
