import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readlinkSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FolderLock } from '../../src/host/folder-lock.js'
import { markOf } from '../../src/host/process-mark.js'
import { temporaryFolder } from '../support/folder.js'
import { until } from '../support/processes.js'
import { repository } from '../support/samples.js'

const MEND = 'set another folder.'
/** How long a lock whose holder cannot be looked up is watched for signs of life, in ms: nothing else waits that long. */
const HEARD_MS = 6000

let folder: ReturnType<typeof temporaryFolder>
let file: string
beforeEach(() => {
  folder = temporaryFolder('ogent-lock-')
  file = join(folder.path, 'agent.lock')
})
afterEach(() => folder[Symbol.dispose]())

const take = () => FolderLock.take(folder.path, 'agent', MEND)
/** A lock as another process has left it. */
const leave = (lock: Record<string, unknown>) => writeFileSync(file, JSON.stringify(lock))
const own = () => ({ ...markOf(process.pid), ns: readlinkSync('/proc/self/ns/pid') })

/** A process of its own that holds the folder until it is ended. */
async function holder() {
  const lock = join(repository, 'dist/host/folder-lock.js')
  const script = `import(${JSON.stringify(lock)}).then(async ({ FolderLock }) => {
    await FolderLock.take(${JSON.stringify(folder.path)}, 'agent', ''); console.log('held'); setInterval(() => {}, 1000) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

describe('the lock of a folder', () => {
  test('is held until it is released, against its own process too', async () => {
    const lock = await take()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await expect(take()).rejects.toThrow(`is in use by the agent with process id ${process.pid}: ${MEND}`)
    lock.release()
    expect(existsSync(file)).toBe(false)
    const again = await take()
    again.release()
  })

  test('is refused at once while its process is alive, and available at once after a kill', async () => {
    const child = await holder()
    await expect(take()).rejects.toThrow(`with process id ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const began = performance.now()
    const lock = await take()
    expect(performance.now() - began).toBeLessThan(HEARD_MS)
    lock.release()
  })

  test('is available when a later process has the same id', async () => {
    leave({ ...own(), pgid: process.ppid, started: '1' })
    const began = performance.now()
    const lock = await take()
    expect(performance.now() - began).toBeLessThan(HEARD_MS)
    lock.release()
  })

  test.each([
    ['in another container', { ns: 'pid:[1]' }],
    ['of another boot or machine', { boot: 'another' }],
    ['that could not tell who it is', { boot: undefined, started: undefined, ns: undefined }],
  ])('is refused while its holder, a process %s, keeps touching it', async (_, change) => {
    // Its number is that of a process that is dead here, or of a stranger: it says nothing.
    leave({ ...own(), pgid: 2 ** 22 - 1, ...change })
    const beat = setInterval(() => utimesSync(file, new Date(), new Date()), 1000)
    try {
      await expect(take()).rejects.toThrow(/is in use by the agent of another container or machine/)
    } finally {
      clearInterval(beat)
    }
  })

  test('is available when a process elsewhere has not touched it for a while, even with a clock that is ahead', async () => {
    leave({ ...own(), ns: 'pid:[1]' })
    const ahead = new Date(Date.now() + 3600_000)
    utimesSync(file, ahead, ahead)
    const lock = await take()
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pgid: process.pid })
    lock.release()
  })

  test('is available after the same while when it cannot be read', async () => {
    writeFileSync(file, '{}')
    const lock = await take()
    lock.release()
  })

  test('is touched while it is held, and its release does not remove the lock of another', async () => {
    const lock = await take()
    const { mtimeMs } = statSync(file)
    await until('the lock was touched', () => statSync(file).mtimeMs > mtimeMs)
    leave({ ...own(), ns: 'pid:[1]' })
    lock.release()
    expect(existsSync(file)).toBe(true)
  })
})
