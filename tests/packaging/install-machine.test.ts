import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtBundle } from '../support/bundle.js'
import { passwords } from '../support/install-place.js'
import { Machine, needsMachine } from '../support/machine.js'
import { until } from '../support/processes.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'
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
  /** Makes what is installed another version than the one of the controller. */
  const age = () => machine.shell(`echo '// An older one.' >> ${program}; sha256sum ${program}`)
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

  test('the same line again changes nothing and does not restart the agent', async () => {
    const pid = () => machine.shell('systemctl show --property=MainPID --value ogent-agent')
    const before = await pid()
    const again = await install(...newAgent, '--agent-id', 'by-script', '--labels', 'env=prod')
    expect(again).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The agent by-script is installed already'),
      stderr: '',
    })
    expect(await pid()).toBe(before)
    expect(await install(...newAgent, '--agent-id', 'another')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('with other settings'),
    })
  })

  test('a command cannot change what root runs or reads', async () => {
    for (const file of [program, '/etc/ogent/agent.env', '/etc/systemd/system/ogent-agent.service']) {
      const command = `echo >> ${file} || mv ${file} ${file}.gone || touch $(dirname ${file})/new`
      const { exit_code } = await client().execute({ agent_id: 'by-script', command })
      expect(exit_code, file).toBeGreaterThan(0)
    }
    const writable = `find /usr/local/lib/ogent-agent /etc/ogent /etc/systemd/system/ogent-agent.service ! -user root -o ! -type l -perm /022`
    expect(await machine.shell(writable)).toBe('')
  })

  test('an upgrade to a program that does not run is taken back', async () => {
    const before = await machine.shell(`sha256sum ${program}`)
    const broken =
      "console.log('ogent-agent/9.9.9'); process.exitCode = process.argv.includes('--version') ? 0 : 3\n"
    await machine.run('tee', ['/run/broken.mjs'], { stdin: broken })
    const upgrade = await machine.run(process.execPath, [
      `${repository}dist/cli/main.js`,
      ...['agent', 'upgrade', '--bundle', '/run/broken.mjs'],
    ])
    expect(upgrade).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ogent-agent\/9\.9\.9 does not run: ogent-agent\S+ is back in its place/),
    })
    expect(await machine.shell(`sha256sum ${program}; ls /usr/local/lib/ogent-agent`)).toBe(
      `${before}installed\nogent-agent.mjs\nsystemd\n`,
    )
    const ran = await client().execute({
      agent_id: 'by-script',
      command: 'echo on',
      deliver_within_seconds: 600,
    })
    expect(ran.stdout).toBe('on\n')
  })

  test('an upgrade mends an agent that ends as soon as it is started', async () => {
    await machine.shell(`cp /run/broken.mjs ${program}; systemctl restart ogent-agent`)
    const upgrade = await install('--upgrade')
    expect(upgrade).toMatchObject({ code: 0, stderr: '' })
    expect(upgrade.stdout).toContain('and is connected.')
  })

  test('an upgrade waits for a command that runs, holds new ones back, and ends none', async () => {
    await age()
    const running = client().execute({
      agent_id: 'by-script',
      command: 'echo begun; until [ -e go ]; do sleep 0.1; done; echo whole',
    })
    for await (const chunk of running.stdout) if (chunk.includes('begun')) break
    const upgrade = machine.run('dash', ['-s', '--', '--upgrade'], { stdin: script })
    await until('the agent holds', async () => (await held())?.open === 1)
    const later = client().execute({
      agent_id: 'by-script',
      command: 'echo after; touch went',
      deliver_within_seconds: 600,
    })
    const started = later.then((result) => result)
    await until('the new command is held', async () => (await held())?.held === 1)
    await machine.shell('test ! -e /var/lib/ogent-agent/went; touch /var/lib/ogent-agent/go')
    expect(await running).toMatchObject({ status: 'success', stdout: 'begun\nwhole\n' })
    expect(await upgrade).toMatchObject({ code: 0, stdout: expect.stringContaining('No command was ended.') })
    expect(await started).toMatchObject({ status: 'success', stdout: 'after\n' })
    const { stdout } = await run('sha256sum', [join(builtBundle, 'ogent-agent.mjs')])
    expect(await machine.shell(`sha256sum ${program}`)).toContain(stdout.slice(0, 64))
  })

  test('an upgrade changes nothing when a command outlasts its wait', async () => {
    const before = await age()
    const running = client().execute({
      agent_id: 'by-script',
      command: 'echo begun; until [ -e end ]; do sleep 0.1; done',
    })
    for await (const chunk of running.stdout) if (chunk.includes('begun')) break
    const upgrade = await machine.run(process.execPath, [
      `${repository}dist/cli/main.js`,
      'agent',
      'upgrade',
      '--wait',
      '1',
    ])
    expect(upgrade).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('1 command still runs after 1 s'),
    })
    expect(await machine.shell(`sha256sum ${program}; ls /usr/local/lib/ogent-agent`)).toBe(
      `${before}installed\nogent-agent.mjs\nsystemd\n`,
    )
    await machine.shell('touch /var/lib/ogent-agent/end')
    expect(await running).toMatchObject({ status: 'success' })
    // Held for a moment still, and then taken.
    const next = await client().execute({
      agent_id: 'by-script',
      command: 'echo on',
      deliver_within_seconds: 600,
    })
    expect(next).toMatchObject({ status: 'success', stdout: 'on\n' })
  })

  test('ogent agent upgrade takes the program of the controller, and says when there is no newer one', async () => {
    const upgrade = () => machine.run(process.execPath, [`${repository}dist/cli/main.js`, 'agent', 'upgrade'])
    expect(await upgrade()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('No command was ended.'),
    })
    expect(await upgrade()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') })
  })

  test('an agent that cannot log in is reported, with the last lines of its log', async () => {
    expect(await install('--uninstall')).toMatchObject({ code: 0, stderr: '' })
    await machine.shell("printf 'not-the-password\\n' > /run/wrong")
    const args = ['--username', accounts.agent.username, '--password-file', '/run/wrong', '--user', user]
    const said = await install(...args)
    expect(said.code).toBe(1)
    expect(said.stderr).toContain('refused the credentials')
    expect(said.stderr).toContain('is not connected')
    expect(said.stderr).not.toContain('not-the-password')
    // Called again with the right one, it comes to its end.
    const again = await install(...newAgent, '--agent-id', 'by-script')
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('is connected to'), stderr: '' })
  })

  test('systemd reads a password as it was given, with any letters in it', async () => {
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

  async function held(): Promise<{ open: number; held: number } | undefined> {
    const { code, stdout } = await machine.run('cat', ['/var/lib/ogent-agent/hold.json'])
    // It may be caught while it is written.
    return code === 0 && stdout.endsWith('\n') ? JSON.parse(stdout) : undefined
  }
})
