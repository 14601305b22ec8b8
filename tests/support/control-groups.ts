import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { servicesRequired } from './services.js'

/** Where version 2 is mounted and this user may make groups; undefined where that is nowhere. */
const root = writableRoot()

/** For `describe.skipIf(needsControlGroups())`: as `needs` for a program. */
export function needsControlGroups(): boolean {
  if (root !== undefined) return false
  if (servicesRequired)
    throw new Error(
      'No control group (version 2) can be made here, and OGENT_REQUIRE_SERVICES=1 asks for it.',
    )
  return true
}

function writableRoot(): string | undefined {
  const mount = readFileSync('/proc/self/mountinfo', 'utf8').match(/^(?:\S+ ){4}(\S+) .* - cgroup2 /m)?.[1]
  if (mount === undefined) return undefined
  const trial = join(mount, `test-trial-${process.pid}`)
  try {
    mkdirSync(trial)
    rmdirSync(trial)
    return mount
  } catch {
    return undefined
  }
}

/** A group to make others in, which goes at the end with all that are empty. */
export class TestGroup implements Disposable {
  /** As /proc/PID/cgroup shows it. */
  readonly name: string
  readonly path: string

  constructor(name: string) {
    this.name = `/test-${process.pid}-${name}`
    this.path = join(root ?? '', this.name)
    mkdirSync(this.path)
  }

  inside(): string[] {
    return foldersIn(this.path)
  }

  [Symbol.dispose](): void {
    removeAll(this.path)
  }
}

function foldersIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
}

function removeAll(path: string): void {
  for (const name of foldersIn(path)) removeAll(join(path, name))
  rmdirSync(path)
}
