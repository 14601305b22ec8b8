import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { takeFolder } from '../../src/host/private-folder.js'
import { SettingsError } from '../../src/host/settings.js'
import { temporaryFolder } from '../support/folder.js'

let folder: ReturnType<typeof temporaryFolder>
let umask: number
let said: string[]
beforeEach(() => {
  folder = temporaryFolder('ogent-private-')
  umask = process.umask(0)
  said = []
})
afterEach(() => {
  process.umask(umask)
  folder[Symbol.dispose]()
})

const isRoot = process.getuid?.() === 0
const NOBODY = 65534

const path = (name: string) => join(folder.path, name)
const take = (name: string) => takeFolder(path(name), 'DATA_DIR', (sentence) => said.push(sentence))
const modeOf = (name: string) => statSync(path(name)).mode & 0o7777

/** A folder that is there already, with these files in it. */
function existing(name: string, mode: number, files: string[] = []): void {
  mkdirSync(path(name))
  for (const file of files) writeFileSync(join(path(name), file), '')
  chmodSync(path(name), mode)
}

describe('a folder that does not exist', () => {
  test('is created for its user alone, with the folders above it', () => {
    take('a/b')
    expect([modeOf('a'), modeOf('a/b')]).toEqual([0o700, 0o700])
    expect(said).toEqual([])
  })
})

describe('an existing folder that', () => {
  test('is for its user alone is used without a message', () => {
    existing('closed', 0o700, ['notes.txt'])
    take('closed')
    expect(modeOf('closed')).toBe(0o700)
    expect(said).toEqual([])
  })

  test.each([
    ['nothing', []],
    ['what a controller keeps', ['secret-key', 'users.json', 'controller.lock', 'journal']],
    ['what an agent keeps', ['agent-id', 'commands.jsonl', 'agent.lock', 'linked']],
  ])('contains %s is closed to others, with a message', (_, files) => {
    existing('open', 0o755, files)
    take('open')
    expect(modeOf('open')).toBe(0o700)
    expect(said).toEqual([
      `DATA_DIR: ${path('open')} was open to others (mode 0755) and is its user's alone now.`,
    ])
  })

  test.each([
    ['holds other files too', 0o755, ['secret-key', 'notes.txt']],
    ['is for all users', 0o777, []],
    ['is for all users', 0o1777, []],
    ['is for all users', 0o1755, ['journal']],
  ] as const)('%s keeps its mode, and a warning names the setting', (why, mode, files) => {
    existing('open', mode, [...files])
    take('open')
    expect(modeOf('open')).toBe(mode)
    const [warning = ''] = said
    expect(warning).toMatch(/^DATA_DIR: /)
    expect(warning).toContain(`${path('open')} is open to others (mode ${mode.toString(8).padStart(4, '0')})`)
    expect(warning).toContain(`since it ${why}`)
    expect(warning.includes('Others may put files there')).toBe((mode & 0o022) !== 0)
  })

  test.skipIf(!isRoot)('belongs to another user keeps its mode too', () => {
    existing('others', 0o755)
    chownSync(path('others'), NOBODY, NOBODY)
    take('others')
    expect(modeOf('others')).toBe(0o755)
    expect(said.join()).toContain("since it is another user's")
  })

  test.skipIf(!isRoot)(
    'is open to all users is refused when another user has put a file of ours there',
    () => {
      existing('open', 0o1777, ['secret-key'])
      chownSync(join(path('open'), 'secret-key'), NOBODY, NOBODY)
      expect(() => take('open')).toThrow(
        new SettingsError(
          `DATA_DIR: got ${JSON.stringify(path('open'))}, takes a folder of this user, and secret-key in it is another user's`,
        ),
      )
    },
  )
})

describe('a folder that cannot be used is reported with its setting:', () => {
  test.each([
    ['/proc/nope', 'nothing can be made at /proc/nope'],
    ['/etc/hostname', '/etc/hostname is no folder'],
    ['/etc/hostname/below', 'a part of its path is a file'],
    [`/tmp/${'x'.repeat(300)}`, 'the name is too long'],
  ])('%s', (place, why) => {
    expect(() => takeFolder(place, 'AGENT_STATE_DIR', () => {})).toThrow(
      new SettingsError(
        `AGENT_STATE_DIR: got ${JSON.stringify(place)}, takes a folder that this user may write to, and ${why}`,
      ),
    )
  })

  test('a link that leads nowhere', () => {
    symlinkSync(path('nowhere'), path('link'))
    expect(() => take('link')).toThrow(/^DATA_DIR: .* is a link that leads nowhere$/)
    expect(existsSync(path('nowhere'))).toBe(false)
  })

  const DENIED = /^DATA_DIR: .*, takes a folder that this user may write to, and permission is denied at /

  test.skipIf(!isRoot)('one that may not be created', () => {
    existing('parent', 0o755)
    process.seteuid?.(NOBODY)
    try {
      expect(() => take('parent/child')).toThrow(DENIED)
    } finally {
      process.seteuid?.(0)
    }
  })

  // Nothing keeps root from writing anywhere, so that this is no test for it.
  if (!isRoot) {
    test('one that may not be written', () => {
      existing('parent', 0o555)
      expect(() => take('parent')).toThrow(DENIED)
      expect(() => take('parent/child')).toThrow(DENIED)
    })
  }
})
