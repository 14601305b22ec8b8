import { once } from 'node:events'
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { builtBundle } from '../support/bundle.js'
import { temporaryFolder } from '../support/folder.js'
import { installArgs, type Place, passwords, placeToInstall } from '../support/install-place.js'
import { makeJoinToken } from '../support/keyed-agent.js'
import { run } from '../support/program.js'
import { repository } from '../support/samples.js'
import { needs } from '../support/services.js'
import { type System, startSystem } from '../support/system.js'

const built = join(builtBundle, 'install.sh')
const shells = ['sh', 'dash', 'bash', 'busybox sh'].filter((shell) => shell === 'sh' || !needsQuietly(shell))

let system: System
let script: string
beforeAll(async () => {
  system = await startSystem({ agent: false })
  script = await (await fetch(`${system.url}/install.sh`)).text()
})
afterAll(() => system[Symbol.asyncDispose]())

test.skipIf(needs('shellcheck'))('the script has nothing that shellcheck objects to', async () => {
  const files = [built, `${repository}packaging/install/install.sh`]
  for (const file of files) {
    expect(await run('shellcheck', ['--shell=sh', file])).toEqual({ code: 0, stdout: '', stderr: '' })
  }
})

describe.each(shells)('the script in %s', (shell) => {
  /** As `curl … | sh -s -- ARGS` runs it. */
  const pipe = (args: string[], text = script, env: Record<string, string> = {}) => {
    const [program = '', ...first] = shell.split(' ')
    return run(program, [...first, '-s', '--', ...args], { stdin: text, env })
  }

  test('tells what it can do, and refuses what it does not know', async () => {
    expect(await pipe(['--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('--uninstall'),
    })
    for (const args of [
      ['--nonsense'],
      ['--username'],
      [],
      ['--username', 'agents'],
      ['--prefix', 'relative'],
      ['--uninstall=yes'],
      ['--user', 'Not|one'],
    ]) {
      expect(await pipe(args), args.join(' ')).toMatchObject({ code: 64, stdout: '' })
    }
    const joined = await pipe(['--join', 'a-token'])
    expect(joined).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('no join token') })
  })

  test('does nothing when it is cut, at any place', async () => {
    using place = placeToInstall()
    const args = installArgs(place)
    const lines = script.split('\n')
    // All but the last line, which begins it.
    const before = lines.slice(0, -2)
    const cuts = [...before.keys()]
      .filter((line) => line % 40 === 0)
      .map((line) => before.slice(0, line).join('\n'))
    // In the middle of that line as well.
    for (let letters = 2; letters < 'main "$@"\n'.length; letters++) cuts.push(script.slice(0, -letters))
    for (const cut of cuts) await pipe(args, cut)
    expect(await run('find', [place.prefix])).toMatchObject({ stdout: `${place.prefix}\n` })
  })

  test('writes files that run an agent, and takes them away again, twice', async () => {
    using place = placeToInstall()
    const installed = await pipe(installArgs(place))
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    const settings = join(place.prefix, 'etc/ogent/agent.env')
    expect(statSync(settings).mode & 0o777).toBe(0o600)
    const [, start = ''] = installed.stdout.match(/^Start it with: (.*)$/m) ?? []
    const env = { HOME: place.prefix, LOG_LEVEL: 'silent' }
    {
      await using agent = new BackgroundProgram('sh', ['-c', start], { cwd: place.prefix, env })
      await agent.line(new RegExp(`^(Ogent agent ${place.agent_id}) on `))
      const { stdout } = await system.client().execute({ agent_id: place.agent_id, command: 'echo here' })
      expect(stdout).toBe('here\n')
      const { labels } = await system.client().agents.get(place.agent_id)
      expect(labels).toEqual({ env: 'prod', role: 'web' })
    }
    expect(await pipe(installArgs(place))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is installed already, with these settings: nothing was changed.'),
      stderr: '',
    })
    expect(await pipe([...installArgs(place), '--labels', 'env=dev'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is installed here already, with other settings'),
    })
    expect(readFileSync(settings, 'utf8')).toContain('env=prod')
    for (let times = 0; times < 2; times++) {
      expect(await pipe(['--uninstall', '--prefix', place.prefix])).toMatchObject({ code: 0, stderr: '' })
      expect(await run('find', [place.prefix, '-type', 'f', '-o', '-name', '.*'])).toMatchObject({
        stdout: '',
      })
    }
  })

  test('writes files that run an agent which joins, with the token in a file of its own alone', async () => {
    using place = placeToInstall()
    const { token } = await makeJoinToken(system.url, { labels: { env: 'prod' } })
    const { prefix, agent_id } = place
    const args = ['--agent-id', agent_id, '--no-service', '--prefix', prefix]
    const installed = await pipe(args, script, { OGENT_JOIN_TOKEN: token })
    expect(installed).toMatchObject({ code: 0, stderr: '' })
    expect(installed.stdout).not.toContain(token)
    const [settings, joining] = ['agent.env', 'agent-join.env'].map((name) => join(prefix, 'etc/ogent', name))
    expect(readFileSync(settings ?? '', 'utf8')).not.toContain(token)
    expect(statSync(joining ?? '').mode & 0o777).toBe(0o600)
    const [, start = ''] = installed.stdout.match(/^Start it with: (.*)$/m) ?? []
    const env = { HOME: prefix, LOG_LEVEL: 'silent' }
    for (const line of [start, start.replace(`. ${joining}; `, '')]) {
      await using agent = new BackgroundProgram('sh', ['-c', line], { cwd: prefix, env })
      await agent.line(new RegExp(`^(Ogent agent ${agent_id}) on `))
      const { assigned_labels } = await system.client().agents.get(agent_id)
      expect(assigned_labels).toEqual({ env: 'prod' })
    }
    expect(await pipe([...args, '--join', token, '--username', 'agents'])).toMatchObject({ code: 64 })
    expect(await pipe(['--uninstall', '--prefix', prefix])).toMatchObject({ code: 0, stderr: '' })
    expect(await run('find', [prefix, '-type', 'f'])).toMatchObject({ stdout: '' })
  })

  test('changes nothing when what it downloads is not what it should be, or does not come', async () => {
    using place = placeToInstall()
    const args = installArgs(place)
    const nowhere = await pipe([...args, '--url', 'http://127.0.0.1:1'])
    expect(nowhere).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('was not downloaded'),
    })
    // A program named curl that adds a byte to what it has downloaded.
    using shims = temporaryFolder('ogent-curl-')
    const { stdout: curl } = await run('sh', ['-c', 'command -v curl'])
    const shim = `#!/bin/sh\n${curl.trim()} "$@" || exit\nfor word do case $word in */ogent-agent.mjs) [ -f "$word" ] && echo >> "$word" ;; esac; done\nexit 0\n`
    writeFileSync(join(shims.path, 'curl'), shim, { mode: 0o755 })
    const changed = await pipe(args, script, { PATH: `${shims.path}:${process.env.PATH}` })
    expect(changed).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/SHA-256 \w{64}, and should/),
    })
    expect(await run('find', [place.prefix])).toMatchObject({ stdout: `${place.prefix}\n` })
  })

  test('runs nothing below a folder that other users may write to, unless it is installed there', async () => {
    using place = placeToInstall()
    using shims = temporaryFolder('ogent-node-')
    const shim = `#!/bin/sh\necho "$PWD $*" >> ${shims.path}/ran\nexec ${process.execPath} "$@"\n`
    writeFileSync(join(shims.path, 'node'), shim, { mode: 0o755 })
    const env = { PATH: `${shims.path}:${process.env.PATH}`, TMPDIR: shims.path }
    expect(await pipe(installArgs(place), script, env)).toMatchObject({ code: 0, stderr: '' })
    const ran = readFileSync(join(shims.path, 'ran'), 'utf8')
    const programs = ran.split('\n').filter((line) => line.includes('ogent-agent.mjs'))
    expect(programs).toHaveLength(2)
    for (const line of programs) expect(line).toContain(`${place.prefix}/.ogent-agent.`)
  })

  test('gives the password to no program as an argument', async () => {
    using place = placeToInstall()
    const [program = '', ...first] = shell.split(' ')
    const traced = await run(program, [...first, '-x', '-s', '--', ...installArgs(place)], { stdin: script })
    expect(traced.code).toBe(0)
    expect(traced.stderr).toContain(place.agent_id)
    expect(`${traced.stdout}${traced.stderr}`).not.toContain(place.password)
    expect(readFileSync(join(place.prefix, 'etc/ogent/agent.env'), 'utf8')).toContain(place.password)
  })
})

describe('settings that the script writes', () => {
  test.each(passwords)('are read by a shell as they were given: %s', async (password) => {
    using place = placeToInstall(password)
    expect(await run('sh', ['-s', '--', ...installArgs(place)], { stdin: script })).toMatchObject({ code: 0 })
    const settings = join(place.prefix, 'etc/ogent/agent.env')
    const said = await run('sh', ['-ec', `. ${settings}; printf '%s' "$AGENT_PASSWORD"`])
    expect(said).toEqual({ code: 0, stdout: password, stderr: '' })
  })

  test('are refused by the agent before anything is changed, where it does not take them', async () => {
    using place = placeToInstall()
    const args = [...installArgs(place), '--labels', 'no pair']
    const said = await run('sh', ['-s', '--', ...args], { stdin: script })
    expect(said).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/AGENT_LABELS: got "no pair"[\s\S]*nothing was changed/),
    })
    expect(await run('find', [place.prefix])).toMatchObject({ stdout: `${place.prefix}\n` })
  })

  test('refuse a password of two lines, and one that is empty', async () => {
    for (const password of ['two\nlines', '']) {
      using place = placeToInstall(password)
      expect(await run('sh', ['-s', '--', ...installArgs(place)], { stdin: script })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('as its only line'),
      })
    }
  })
})

test('the script says so where something else than a controller answers', async () => {
  using place = placeToInstall()
  for (const [status, text] of [
    [302, ''],
    [200, '<html>Log in to this network</html>'],
  ] as const) {
    await using other = await answering(status, text)
    const said = await run('sh', ['-s', '--', ...installArgs(place), '--url', other.url], { stdin: script })
    expect(said).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('is not what a controller gives'),
    })
  }
  expect(await run('find', [place.prefix])).toMatchObject({ stdout: `${place.prefix}\n` })
})

test('the script gives the agent the proxy that it was called with', async () => {
  using place = placeToInstall()
  const env = { HTTPS_PROXY: 'http://ann:a$b@proxy.example:3128', no_proxy: 'localhost,127.0.0.1' }
  expect(await run('sh', ['-s', '--', ...installArgs(place)], { stdin: script, env })).toMatchObject({
    code: 0,
  })
  const settings = join(place.prefix, 'etc/ogent/agent.env')
  const said = await run('sh', ['-ec', `. ${settings}; printf '%s' "$HTTPS_PROXY $no_proxy"`])
  expect(said.stdout).toBe(`${env.HTTPS_PROXY} ${env.no_proxy}`)
  expect(readFileSync(settings, 'utf8')).not.toContain('HTTP_PROXY')
})

describe('an upgrade of what the script has written', () => {
  let place: Place
  beforeAll(async () => {
    place = placeToInstall()
    expect(await run('sh', ['-s', '--', ...installArgs(place)], { stdin: script })).toMatchObject({ code: 0 })
  })
  afterAll(() => place[Symbol.dispose]())
  const program = () => join(place.prefix, 'usr/local/lib/ogent-agent/ogent-agent.mjs')
  const upgrade = (...args: string[]) =>
    run(process.execPath, [
      `${repository}dist/cli/main.js`,
      ...['agent', 'upgrade', '--prefix', place.prefix, ...args],
    ])

  test('replaces a program that does not start any more, by the script and by ogent', async () => {
    for (const how of [
      () => run('sh', ['-s', '--', '--upgrade', '--prefix', place.prefix], { stdin: script }),
      upgrade,
    ]) {
      writeFileSync(program(), 'cut off in the mid')
      expect(await how()).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('is in the place of a program that does not start'),
      })
      expect(readFileSync(program()).equals(readFileSync(join(builtBundle, 'ogent-agent.mjs')))).toBe(true)
      expect(readdirSync(join(program(), '..'))).toEqual(['installed', 'ogent-agent.mjs'])
    }
  })

  test('says so where the controller is too old to give an agent', async () => {
    await using old = await answering(404, '{"detail":"Not Found"}')
    expect(await upgrade('--url', old.url)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`The controller at ${old.url} gives no agent`),
    })
  })

  test('comes by the proxy of the agent', async () => {
    const settings = join(place.prefix, 'etc/ogent/agent.env')
    const before = readFileSync(settings, 'utf8')
    appendFileSync(settings, 'HTTP_PROXY="http://127.0.0.1:1"\n')
    expect(await upgrade()).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('The proxy http://127.0.0.1:1 cannot be reached'),
    })
    writeFileSync(settings, before)
  })
})

test('the script says how to get a newer Node.js where it is too old, or there is none', async () => {
  using place = placeToInstall()
  using shims = temporaryFolder('ogent-node-')
  const refused = async (PATH: string) => {
    const { code, stderr } = await run('/bin/sh', ['-s', '--', ...installArgs(place)], {
      stdin: script,
      env: { PATH },
    })
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('https://nodejs.org/') })
    return stderr
  }
  await run('sh', ['-c', 'ln -s "$(command -v sed)" "$1"', 'sh', shims.path])
  expect(await refused(shims.path)).toContain('there is no Node.js here')
  writeFileSync(join(shims.path, 'node'), '#!/bin/sh\n[ "$1" != --version ] || echo v18.20.0; exit 1\n', {
    mode: 0o755,
  })
  expect(await refused(`${shims.path}:/usr/bin:/bin`)).toContain('v18.20.0')
})

test('the script refuses to send a password unencrypted to another machine, unless that is allowed', async () => {
  using place = placeToInstall()
  const args = [...installArgs(place), '--url', 'http://ogent.example.com']
  const said = await run('sh', ['-s', '--', ...args], { stdin: script })
  expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('--allow-plaintext') })
})

describe.skipIf(needs('systemd-analyze'))('the unit that the script writes', () => {
  test('has nothing that systemd objects to, and is fenced in as the one of the package', async () => {
    using place = placeToInstall()
    const args = installArgs(place).filter((word) => word !== '--no-service')
    expect(await run('sh', ['-s', '--', ...args], { stdin: script })).toMatchObject({ code: 0 })
    const unit = join(place.prefix, 'etc/systemd/system/ogent-agent.service')
    expect(await run('systemd-analyze', ['verify', '--man=no', unit])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const security = ['security', '--offline=true', '--threshold=20', '--no-pager', unit]
    expect((await run('systemd-analyze', security)).code).toBe(0)
    expect(readFileSync(unit, 'utf8')).toContain(`\nEnvironmentFile=${place.prefix}/etc/ogent/agent.env\n`)
  })
})

/** A server that gives this answer to all that is asked. */
async function answering(status: number, text: string) {
  const server = createServer((_, response) =>
    response.writeHead(status, { location: '/elsewhere' }).end(text),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // It listens on a port.
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Whether a shell is missing; each of them is one more, and none is needed. */
function needsQuietly(shell: string): boolean {
  const [program = ''] = shell.split(' ')
  return !process.env.PATH?.split(':').some((folder) => {
    return statSync(join(folder, program), { throwIfNoEntry: false })?.isFile() ?? false
  })
}
