import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { needs } from '../support/services.js'

const folder = `${repository}packaging/systemd/`
const units = ['ogent-agent.service', 'ogent-controller.service']
const dropIns = ['ogent-agent-sudo.conf', 'ogent-agent-cgroups.conf']

describe.skipIf(needs('systemd-analyze'))('systemd', () => {
  test.each(units)('finds no fault in %s', async (unit) => {
    const said = await run('systemd-analyze', ['verify', '--man=no', `${folder}${unit}`])
    expect(said).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test.each(dropIns)('finds no fault in the unit that %s is dropped into', async (dropIn) => {
    using place = temporaryFolder('ogent-unit-')
    const unit = join(place.path, 'ogent-agent.service')
    cpSync(`${folder}ogent-agent.service`, unit)
    mkdirSync(`${unit}.d`)
    cpSync(`${folder}${dropIn}`, join(`${unit}.d`, dropIn))
    const said = await run('systemd-analyze', ['verify', '--man=no', unit])
    expect(said).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  // The most that is allowed, in tenths: 20 is what systemd calls OK.
  test.each(units)('rates %s as well fenced in', async (unit) => {
    const args = ['security', '--offline=true', '--threshold=20', '--no-pager', `${folder}${unit}`]
    const { code, stdout } = await run('systemd-analyze', args)
    expect(code, stdout.split('\n').slice(-3).join('\n')).toBe(0)
  })
})

test.each(units)(
  '%s runs its role as a user of its own, with its settings in a file and its data in a folder',
  (unit) => {
    const text = readRepository(`packaging/systemd/${unit}`)
    const role = unit.replace(/^ogent-|\.service$/g, '')
    for (const line of [
      `ExecStart=/usr/bin/env ogent ${role}`,
      `User=ogent-${role}`,
      `StateDirectory=ogent-${role}`,
      'StateDirectoryMode=0700',
      'NoNewPrivileges=yes',
      'Restart=always',
      'StartLimitIntervalSec=0',
      `SyslogIdentifier=ogent-${role}`,
    ]) {
      expect(text).toContain(`\n${line}\n`)
    }
    expect(text).toMatch(new RegExp(`\\nEnvironmentFile=-?/etc/ogent/${role}\\.env\\n`))
  },
)

test.each([...units, ...dropIns])('%s contains no URL and no placeholder', (file) => {
  expect(readRepository(`packaging/systemd/${file}`)).not.toMatch(/https?:\/\/|yourusername/)
})

test('the drop-in for sudo turns off everything that prevents new privileges', () => {
  // Any of these brings NoNewPrivileges= along in a service that is not root's, systemd.exec(5); a setuid program is
  // nobody's without the bounding set.
  const holding =
    /^(?:NoNewPrivileges|CapabilityBoundingSet|PrivateDevices|Protect(?:Clock|Hostname|Kernel\w+)|Restrict\w+|LockPersonality|MemoryDenyWriteExecute|SystemCall(?:Filter|Architectures|Log))$/
  const named = (file: string) =>
    settingsOf(file)
      .map(([name]) => name)
      .filter((name) => holding.test(name))
  expect(named('ogent-agent-sudo.conf').sort()).toEqual([...new Set(named('ogent-agent.service'))].sort())
  const values = settingsOf('ogent-agent-sudo.conf').map(([, value]) => value)
  expect(values.filter((value) => !['no', '', '~'].includes(value))).toEqual([])
})

test("the drop-in for control groups delegates the agent's own, and opens nothing else", () => {
  expect(settingsOf('ogent-agent-cgroups.conf')).toEqual([
    ['Environment', 'AGENT_CGROUPS=true'],
    ['Delegate', 'yes'],
    // Without it the folder of the groups is read-only, and Delegate= of no use.
    ['ProtectControlGroups', 'no'],
  ])
})

test('the unit of a controller leaves visible what the lock of its folder needs', () => {
  // Seen under a booted systemd: with ProcSubset=pid there is no boot_id, by which the folder lock knows its process.
  expect(readRepository('packaging/systemd/ogent-controller.service')).not.toMatch(/^ProcSubset=/m)
})

test('the unit of an agent gives it the time that a stop needs, and stops it before a controller beside it', () => {
  const unit = new Map(settingsOf('ogent-agent.service'))
  // Seconds to end by oneself, KILL_GRACE_SECONDS, after the kill, to tell the controller: src/agent/app.ts.
  expect(Number(unit.get('TimeoutStopSec'))).toBeGreaterThan(10 + 5 + 1 + 5)
  expect(unit.get('KillMode')).toBe('mixed')
  expect(unit.get('After')).toContain('ogent-controller.service')
})

function settingsOf(file: string): [name: string, value: string][] {
  const text = readRepository(`packaging/systemd/${file}`)
  return [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value])
}
