import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { machineIdentity } from '../../../src/agent/host/machine.js'
import { temporaryFolder } from '../../support/folder.js'

const files = {
  'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  'proc/sys/kernel/random/boot_id': '7f9c1a52-0000-4000-8000-000000000000\n',
}

function rootWith(given: Record<string, string>) {
  const folder = temporaryFolder()
  for (const [file, text] of Object.entries(given)) {
    mkdirSync(dirname(join(folder.path, file)), { recursive: true })
    writeFileSync(join(folder.path, file), text)
  }
  return folder
}

describe('the fingerprint of a machine', () => {
  test('is the same each time, and changes with each of its parts', () => {
    using root = rootWith(files)
    using other = rootWith({ ...files, 'etc/machine-id': 'f'.repeat(32) })
    const machine = machineIdentity(root.path, 'a')
    expect(machineIdentity(root.path, 'a')).toEqual(machine)
    expect(machineIdentity(root.path, 'b')?.id).not.toBe(machine?.id)
    expect(machineIdentity(other.path, 'a')?.id).not.toBe(machine?.id)
    expect(machineIdentity(other.path, 'a')?.boot).toBe(machine?.boot)
  })

  test('reveals nothing of the files that it is made from', () => {
    using root = rootWith(files)
    expect(JSON.stringify(machineIdentity(root.path, 'a'))).not.toMatch(/0123456789abcdef|7f9c1a52/)
  })

  test.each([
    ['a container of Docker', { ...files, '.dockerenv': '' }],
    ['a container of Podman', { ...files, 'run/.containerenv': '' }],
    ['a system whose machine-id is empty', { ...files, 'etc/machine-id': '' }],
    ['a system without one', { 'proc/sys/kernel/random/boot_id': 'x' }],
  ])('is absent in %s', (_, given) => {
    using root = rootWith(given)
    expect(machineIdentity(root.path, 'a')).toBeUndefined()
  })
})
