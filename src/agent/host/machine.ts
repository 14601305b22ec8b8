import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
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

/**
 * SHA-256 of what stays of a machine as long as it is the same one: its machine-id (machine-id(5)) and the serial numbers of the
 * disks that it has its root on. Undefined in a container, which has neither to itself. `root` is the folder that the system's files
 * are below.
 */
export function machineFingerprint(root = '/'): string | undefined {
  if (IN_CONTAINER.some((file) => existsSync(join(root, file)))) return undefined
  const machineId = read(join(root, 'etc/machine-id'))
  if (machineId === undefined || !/^[0-9a-f]{32}$/.test(machineId)) return undefined
  const disks = bootDisks(root).map((disk) => `disk ${disk}`)
  const said = ['ogent fingerprint', machineId, ...disks].join('\n')
  return createHash('sha256').update(said).digest('hex')
}

/** What tells the disks below the root file system from others of their kind, in order; none where they say nothing. */
function bootDisks(root: string): string[] {
  const mounts = read(join(root, 'proc/self/mountinfo'))?.split('\n') ?? []
  // mountinfo in proc_pid_mountinfo(5): the device, then the mount point; after a dash the kind and the source.
  const fields = mounts.map((line) => line.split(' ')).find(([, , , , point]) => point === '/')
  if (!fields) return []
  const source = fields[fields.indexOf('-') + 2] ?? ''
  const places = [
    join(root, 'sys/dev/block', fields[2] ?? '-'),
    join(root, 'sys/class/block', source.replace(/^.*\//, '')),
  ]
  const place = places.find((each) => existsSync(each))
  return place === undefined ? [] : [...new Set(disksOf(realpathSync(place)))].sort()
}

/** A device that is made of others (RAID, LVM, an encrypted one) is as they are; a part of a disk is as the disk. */
function disksOf(device: string, depth = 0): string[] {
  const slaves = join(device, 'slaves')
  const below = depth < 8 && existsSync(slaves) ? readdirSync(slaves) : []
  if (below.length > 0) return below.flatMap((name) => disksOf(realpathSync(join(slaves, name)), depth + 1))
  const disk = existsSync(join(device, 'partition')) ? join(device, '..') : device
  const said = ['wwid', 'device/wwid', 'serial', 'device/serial'].map((name) => read(join(disk, name)))
  const first = said.find((one) => one !== undefined && one !== '')
  return first === undefined ? [] : [first]
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
