import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { release } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SshExecutor, type SshSettings, type SshState } from '../../../../src/agent/executors/ssh/executor.js'
import { runOn } from '../../../suites/executor-suite.js'
import { until } from '../../../support/processes.js'
import { keygen, Sshd, silent, throwAwayUser, whyNoSshd, whyNoUser } from '../../../support/sshd.js'

const skip = whyNoSshd()
const noUser = whyNoUser()

function open(settings: SshSettings, onStatus?: (state: SshState) => void) {
  const executor = new SshExecutor(settings, { log: silent, ...(onStatus && { onStatus }) })
  executor.open()
  return Object.assign(executor, { [Symbol.asyncDispose]: () => executor.close() })
}

/** What a login with these settings gives: the output of one command, or the sentence of the error. */
async function attempt(settings: SshSettings): Promise<string> {
  await using executor = open(settings)
  try {
    return (await runOn(executor, 'echo in')).stdout.toString()
  } catch (error) {
    expect(error).toMatchObject({ code: 'TARGET_UNAVAILABLE' })
    expect(executor.status).not.toBe('connected')
    return error instanceof Error ? error.message : String(error)
  }
}

/** A real ssh-agent that holds one key. */
async function sshAgent(folder: string, key: string): Promise<{ socket: string } & AsyncDisposable> {
  const socket = join(folder, 'agent')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  const dispose = async () => {
    agent.kill()
    await once(agent, 'exit')
  }
  await once(agent.stdout, 'data')
  try {
    execFileSync('ssh-add', [key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' })
  } catch (error) {
    await dispose()
    throw error
  }
  return { socket, [Symbol.asyncDispose]: dispose }
}

/** A port on loopback that answers nothing, not even a request to connect: its queue is full. */
async function blackHole(): Promise<{ port: number } & AsyncDisposable> {
  const listen = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    () => process.send(server.address().port, () => process.kill(process.pid, 'SIGSTOP')))`
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = await once(child, 'message')
  await until('the listener stands still', () => stateOf(child.pid) === 'T')
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of fillers) socket.destroy()
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

function stateOf(pid: number | undefined): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0]
}

const title = 'a login at an SSH target'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  test('reports each change of its state, and what the target is', async () => {
    await using sshd = await Sshd.start()
    const states: SshState[] = []
    await using executor = open(sshd.settings(), (state) => states.push(state))
    expect(executor.status).toBe('connecting')
    await runOn(executor, 'true')
    const facts = { platform: 'Linux', version: release() }
    expect(states).toEqual([{ status: 'connected', lastError: null, facts }])
    expect(executor).toMatchObject({ status: 'connected', lastError: null, facts })
    expect(executor.target).toBe(`${sshd.username}@127.0.0.1:${sshd.port}`)
    expect(new SshExecutor(sshd.settings({ port: 22 }), { log: silent }).target).toBe(
      `${sshd.username}@127.0.0.1`,
    )
  })

  describe('the host key', () => {
    test('of an unknown host is refused, with the line that would trust it', async () => {
      await using sshd = await Sshd.start()
      const trusted = readFileSync(sshd.knownHosts, 'utf8').trim()
      writeFileSync(sshd.knownHosts, '')
      const sentence = await attempt(sshd.settings())
      expect(sentence).toContain('is unknown')
      expect(sentence.endsWith(trusted)).toBe(true)
      appendFileSync(
        sshd.knownHosts,
        sentence.slice(sentence.indexOf('[127.0.0.1]:', sentence.indexOf('this line'))),
      )
      expect(await attempt(sshd.settings())).toBe('in\n')
      expect(await attempt(sshd.settings({ knownHostsPath: join(sshd.folder, 'none') }))).toContain(
        'is unknown',
      )
    })

    test('that has changed is refused with a warning, and no login is tried', async () => {
      await using sshd = await Sshd.start()
      await sshd.kill()
      sshd.newHostKey()
      await sshd.up()
      const sentence = await attempt(sshd.settings())
      expect(sentence).toContain('HOST KEY CHANGED')
      expect(sentence).toContain(sshd.knownHosts)
      expect(sshd.log).not.toContain('Accepted')
      expect(sshd.log).not.toMatch(/Failed|Invalid/)
    })

    test('is found in a hashed file', async () => {
      await using sshd = await Sshd.start()
      execFileSync('ssh-keygen', ['-H', '-f', sshd.knownHosts], { stdio: 'ignore' })
      expect(readFileSync(sshd.knownHosts, 'utf8')).toMatch(/^\|1\|/)
      expect(await attempt(sshd.settings())).toBe('in\n')
    })

    test('is requested in the type that is known', async () => {
      await using sshd = await Sshd.start({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] })
      const [, , rsa = ''] = readFileSync(sshd.knownHosts, 'utf8').split('\n')
      writeFileSync(sshd.knownHosts, rsa)
      expect(await attempt(sshd.settings())).toBe('in\n')
    })

    test('is trusted by its fingerprint, for each of its types', async () => {
      await using sshd = await Sshd.start({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] })
      writeFileSync(sshd.knownHosts, '')
      for (const type of ['ed25519', 'ecdsa', 'rsa']) {
        const [, hostFingerprint = ''] = execFileSync('ssh-keygen', ['-l', '-f', sshd.hostKey(type)])
          .toString()
          .split(' ')
        expect(await attempt(sshd.settings({ hostFingerprint }))).toBe('in\n')
      }
      const hostFingerprint = `SHA256:${'A'.repeat(43)}`
      expect(await attempt(sshd.settings({ hostFingerprint }))).toContain('HOST KEY CHANGED')
    })
  })

  describe('the user', () => {
    test.each([
      ['OpenSSH', 'ed25519', []],
      ['OpenSSH with a passphrase', 'ed25519', ['-N', 'open sesame']],
      ['PEM', 'rsa', ['-m', 'PEM']],
      ['PEM with a passphrase', 'ecdsa', ['-m', 'PEM', '-N', 'open sesame']],
      ['PKCS#8', 'rsa', ['-m', 'PKCS8']],
      ['PKCS#8 with a passphrase', 'ecdsa', ['-m', 'PKCS8', '-N', 'open sesame']],
    ])('is authenticated by a key file in the form %s', async (_, type, more) => {
      await using sshd = await Sshd.start()
      keygen(sshd.userKey, type, more)
      const keyPassphrase = more.includes('-N') ? 'open sesame' : undefined
      expect(await attempt(sshd.settings({ keyPassphrase }))).toBe('in\n')
      if (keyPassphrase === undefined) return
      expect(await attempt(sshd.settings())).toContain(`the key file ${sshd.userKey} cannot be used`)
      expect(await attempt(sshd.settings({ keyPassphrase: 'wrong' }))).toContain('cannot be used')
    })

    test('is authenticated by an SSH agent', async () => {
      await using sshd = await Sshd.start()
      await using agent = await sshAgent(sshd.folder, sshd.userKey)
      expect(await attempt(sshd.settings({ keyPath: undefined, agentSocket: agent.socket }))).toBe('in\n')
    })

    test('is not authenticated by a wrong key, and the error says what was tried', async () => {
      await using sshd = await Sshd.start()
      const wrong = join(sshd.folder, 'wrong-key')
      keygen(wrong, 'ed25519')
      const sentence = await attempt(
        sshd.settings({ keyPath: wrong, agentSocket: join(sshd.folder, 'nobody') }),
      )
      expect(sentence).toContain('Authentication failed')
      expect(sentence).toContain('tried publickey')
      expect(sentence).toContain('the server takes publickey')
      const missing = join(sshd.folder, 'missing')
      expect(await attempt(sshd.settings({ keyPath: missing }))).toContain(`${missing} cannot be read`)
    })

    const users = noUser === undefined ? 'is authenticated by' : `(skipped: ${noUser}) is authenticated by`
    test.skipIf(noUser !== undefined)(`${users} a password, and not by a wrong one`, async () => {
      await using sshd = await Sshd.start({ config: ['PasswordAuthentication yes'] })
      using user = throwAwayUser()
      const settings = sshd.settings({ ...user, keyPath: undefined })
      expect(await attempt(settings)).toBe('in\n')
      const sentence = await attempt({ ...settings, password: 'wrong' })
      expect(sentence).toContain('Authentication failed')
      expect(sentence).toContain('tried password')
      expect(sentence).not.toContain('wrong')
    })

    test.skipIf(noUser !== undefined)(
      `${users} the password when it answers the server's question`,
      async () => {
        const config = ['UsePAM yes', 'KbdInteractiveAuthentication yes']
        await using sshd = await Sshd.start({ config })
        using user = throwAwayUser()
        const settings = sshd.settings({ ...user, keyPath: undefined })
        expect(await attempt(settings)).toBe('in\n')
        expect(await attempt({ ...settings, password: 'wrong' })).toContain('tried keyboard-interactive')
      },
    )

    test.skipIf(noUser !== undefined).each([
      ['publickey,password', []],
      ['password,publickey', []],
      ['publickey,keyboard-interactive', ['UsePAM yes', 'KbdInteractiveAuthentication yes']],
      ['keyboard-interactive,publickey', ['UsePAM yes', 'KbdInteractiveAuthentication yes']],
    ])(`${users} everything that the server asks for: %s`, async (methods, more) => {
      const config = [`AuthenticationMethods ${methods}`, 'PasswordAuthentication yes', ...more]
      await using sshd = await Sshd.start({ config })
      using user = throwAwayUser()
      // sshd reads the key as the user who logs in.
      chmodSync(sshd.folder, 0o711)
      expect(await attempt(sshd.settings({ ...user }))).toBe('in\n')
      const sentence = await attempt(sshd.settings({ username: user.username }))
      expect(sentence).toContain('Authentication failed')
    })

    test('is authenticated by two keys, of a file and of an agent, when the server asks for two', async () => {
      await using sshd = await Sshd.start({ config: ['AuthenticationMethods publickey,publickey'] })
      const second = join(sshd.folder, 'second-key')
      keygen(second, 'ed25519')
      appendFileSync(`${sshd.userKey}.pub`, readFileSync(`${second}.pub`))
      await using agent = await sshAgent(sshd.folder, second)
      expect(await attempt(sshd.settings({ agentSocket: agent.socket }))).toBe('in\n')
      expect(await attempt(sshd.settings())).toContain('Authentication failed')
    })
  })

  describe('a target that does not answer', () => {
    test('is named when it refuses the connection', async () => {
      await using sshd = await Sshd.start()
      await sshd.kill()
      const sentence = await attempt(sshd.settings({ timeoutMs: 300 }))
      expect(sentence).toContain(`Connection refused by 127.0.0.1:${sshd.port}`)
    })

    test('is named when the connection is not accepted at all', async () => {
      await using sshd = await Sshd.start()
      await using hole = await blackHole()
      const sentence = await attempt(sshd.settings({ port: hole.port, timeoutMs: 300 }))
      // By the attempt's time or by the command's: they are the same.
      expect(sentence).toMatch(/is unreachable: no (answer|SSH session) within 0\.3 s/)
    })

    test('is named when it accepts the connection and sends nothing', async () => {
      await using sshd = await Sshd.start()
      const sockets: Socket[] = []
      const hole = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
      await once(hole, 'listening')
      const address = hole.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      expect(await attempt(sshd.settings({ port, timeoutMs: 300 }))).toContain('is unreachable')
      for (const socket of sockets) socket.destroy()
      hole.close()
    })

    test('is named when it is not an SSH server', async () => {
      await using sshd = await Sshd.start()
      const web = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
        0,
        '127.0.0.1',
      )
      await once(web, 'listening')
      const address = web.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      expect(await attempt(sshd.settings({ port, timeoutMs: 300 }))).toContain('in the greeting')
      web.close()
    })

    test('is named when its name has no address', async () => {
      await using sshd = await Sshd.start()
      const sentence = await attempt(sshd.settings({ host: 'nowhere.invalid', timeoutMs: 1000 }))
      expect(sentence).toMatch(/nowhere\.invalid/)
    })

    test('is not waited for any longer when the command is cancelled', async () => {
      await using sshd = await Sshd.start()
      await sshd.kill()
      await using executor = open(sshd.settings({ timeoutMs: 60_000 }))
      const aborter = new AbortController()
      const started = executor.start({ command_id: 'given-up', command: 'true' }, aborter.signal)
      aborter.abort()
      await expect(started).rejects.toThrow('Given up')
    })
  })
})
