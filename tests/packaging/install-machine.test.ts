import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { passwords } from '../support/install-place.js'
import { Machine, needsMachine } from '../support/machine.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
let script: string
beforeAll(async () => {
  system = await startSystem({ agent: false })
  script = await (await fetch(`${system.url}/install.sh`)).text()
})
afterAll(() => system[Symbol.asyncDispose]())

describe.skipIf(needsMachine())('on a machine with systemd', () => {
  const user = 'ogent-by-script'
  const program = '/usr/local/lib/ogent-agent/ogent-agent.mjs'
  let machine: Machine
  beforeAll(async () => {
    machine = await Machine.start()
    await machine.shell("printf 'agent-pass-1\\n' > /run/password")
  })
  afterAll(() => machine?.[Symbol.asyncDispose]())

  const install = (...args: string[]) => machine.run('dash', ['-s', '--', ...args], { stdin: script })
  const newAgent = ['--username', accounts.agent.username, '--password-file', '/run/password', '--user', user]
  const client = () => system.client()

  test('one line makes an agent that runs commands as a user of its own', async () => {
    const said = await install(...newAgent, '--agent-id', 'by-script', '--labels', 'env=prod')
    expect(said.stderr).toBe('')
    expect(said.stdout).toContain(`The agent by-script is connected to ${system.url}`)
    const ran = await client().execute({ agent_id: 'by-script', command: 'id -un; pwd' })
    expect(ran.stdout).toBe(`${user}\n/var/lib/ogent-agent\n`)
    expect(await machine.shell('stat -c "%a %U" /etc/ogent/agent.env')).toBe('600 root\n')
    expect(await machine.shell(`stat -c "%a %U" ${program}`)).toBe('644 root\n')
  })

  test('an agent that cannot log in is told of, with its own words', async () => {
    expect(await install('--uninstall')).toMatchObject({ code: 0, stderr: '' })
    await machine.shell("printf 'not-the-password\\n' > /run/wrong")
    const args = ['--username', accounts.agent.username, '--password-file', '/run/wrong', '--user', user]
    const said = await install(...args)
    expect(said.code).toBe(1)
    expect(said.stderr).toContain('refused the credentials')
    expect(said.stderr).toContain('is not connected')
    expect(said.stderr).not.toContain('not-the-password')
  })

  test('systemd reads a password as it was given, whatever is in it', async () => {
    for (const password of passwords) {
      const file = await machine.shell('mktemp')
      await machine.run('tee', [file.trim()], { stdin: `${password}\n` })
      const args = [
        '--username',
        'agents',
        '--password-file',
        file.trim(),
        '--no-service',
        '--prefix',
        '/run/there',
      ]
      expect(await install(...args)).toMatchObject({ code: 0, stderr: '' })
      const read = ['--quiet', '--pipe', '--wait', '-p', 'EnvironmentFile=/run/there/etc/ogent/agent.env']
      const said = await machine.run('systemd-run', [...read, 'printenv', 'AGENT_PASSWORD'])
      expect(said.stdout).toBe(`${password}\n`)
      expect(await install('--uninstall', '--prefix', '/run/there')).toMatchObject({ code: 0 })
    }
  })

  test('all of it is taken away again, twice', async () => {
    await machine.shell('mkdir -p /etc/systemd/system/ogent-agent.service.d')
    for (let times = 0; times < 2; times++) {
      expect(await install('--uninstall')).toMatchObject({ code: 0, stderr: '' })
      expect(
        await machine.shell(
          `ls -d /usr/local/lib/ogent-agent /etc/ogent /var/lib/ogent-agent /etc/systemd/system/ogent-agent* 2> /dev/null || true; id -u ${user} 2> /dev/null || true`,
        ),
      ).toBe('')
    }
    expect(await machine.shell('systemctl show --property=MainPID --value ogent-agent')).toBe('0\n')
  })

  test('a user that was there before stays', async () => {
    await machine.shell('useradd --system here-before')
    const args = [...newAgent.slice(0, -1), 'here-before', '--agent-id', 'of-another']
    expect(await install(...args)).toMatchObject({ code: 0, stderr: '' })
    expect(await install('--uninstall')).toMatchObject({ code: 0, stderr: '' })
    expect(await machine.shell('id -un here-before')).toBe('here-before\n')
  })

  test('what this script has not installed is left as it is', async () => {
    await machine.shell('mkdir -p /etc/ogent; echo mine > /etc/ogent/agent.env')
    expect(await install(...newAgent)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('/etc/ogent/agent.env is there, and is not of this script'),
    })
    expect(await install('--uninstall')).toMatchObject({ code: 0 })
    expect(await machine.shell('cat /etc/ogent/agent.env')).toBe('mine\n')
  })
})
