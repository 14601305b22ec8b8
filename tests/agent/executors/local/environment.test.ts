import { homedir, userInfo } from 'node:os'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { environmentNotices } from '../../../../src/agent/executors/environment.js'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { LEFT_BEHIND_MS, runOn } from '../../../suites/executor-suite.js'

const ways = [
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const

afterEach(() => vi.unstubAllEnvs())

describe.each(ways)('a command started by %s', (_name, forks) => {
  const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })
  const said = async (command: string, cwd?: string) => {
    const { stdout, stderr } = await runOn(executor, command, { cwd })
    return `${stdout}${stderr}`.trim()
  }

  test('gets the home folder of its user when HOME is empty', async () => {
    vi.stubEnv('HOME', '')
    const { homedir: home } = userInfo()
    expect(await said('echo "$HOME"; pwd')).toBe(`${home}\n${home}`)
  })

  test.each(['/no/such/folder', '/etc/hostname'])('starts in / when HOME is %s', async (home) => {
    vi.stubEnv('HOME', home)
    expect(await said('echo "$HOME"; pwd')).toBe(`${home}\n/`)
  })

  test('does not start in another folder when the requested one is missing', async () => {
    vi.stubEnv('HOME', '/no/such/folder')
    await expect(said('pwd', '/no/such/folder')).rejects.toThrow(
      "The working folder /no/such/folder cannot be entered on the agent's machine: there is none such.",
    )
  })

  test('finds programs when PATH is empty', async () => {
    vi.stubEnv('PATH', '')
    expect(await said('env | grep ^PATH=')).toMatch(/^PATH=\/usr\/local\/sbin:/)
  })
})

describe('an agent, at its start,', () => {
  test('reports nothing when its environment is in order', () => {
    vi.stubEnv('HOME', '/')
    expect(environmentNotices()).toEqual([])
  })

  test.each([
    [
      'HOME',
      '/no/such/folder',
      'HOME is /no/such/folder, which cannot be entered: commands that name no folder start in /.',
    ],
    ['HOME', '', `HOME is empty: commands get ${homedir()} instead.`],
    [
      'PATH',
      '',
      'PATH is empty: commands get /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin instead.',
    ],
  ])('reports that %s is %j', (name, value, notice) => {
    vi.stubEnv(name, value)
    expect(environmentNotices()).toEqual([notice])
  })
})
