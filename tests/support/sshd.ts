import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Log } from '../../src/agent/commands/ports.js'
import type { SshSettings } from '../../src/agent/executors/ssh/settings.js'

const SSHD = '/usr/sbin/sshd'

/** Undefined where the tests can run a real sshd; else why not. With OGENT_REQUIRE_SERVICES=1 that is an error. */
export function whyNoSshd(): string | undefined {
  const reason = existsSync(SSHD) ? undefined : `${SSHD} is not installed (package openssh-server)`
  if (reason !== undefined && process.env.OGENT_REQUIRE_SERVICES === '1') throw new Error(reason)
  return reason
}

/** A log that nobody reads. */
export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export type SshdOptions = {
  /** More lines for its configuration, before the defaults of this file: sshd takes the first of each. */
  config?: string[]
  /** Types of the host keys; ed25519 alone unless named. */
  hostKeys?: string[]
}

/** A private, real sshd on a loopback port, with keys of its own. It lets in the user that runs the tests. */
export class Sshd {
  readonly folder = mkdtempSync(join(tmpdir(), 'ogent-sshd-'))
  readonly username = userInfo().username
  readonly userKey = join(this.folder, 'user-key')
  readonly knownHosts = join(this.folder, 'known-hosts')
  /** What sshd has logged. */
  log = ''
  port = 0
  readonly #options: SshdOptions
  #process: ChildProcess | undefined

  readonly #killAtExit = () => void this.#process?.kill('SIGKILL')

  private constructor(options: SshdOptions) {
    this.#options = options
  }

  static async start(options: SshdOptions = {}): Promise<Sshd> {
    const sshd = new Sshd(options)
    for (const type of options.hostKeys ?? ['ed25519']) sshd.newHostKey(type)
    keygen(sshd.userKey, 'ed25519')
    mkdirSync(join(sshd.folder, 'home'))
    // sshd refuses to start as root without the folder that it locks itself into.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    for (let tries = 1; ; tries++) {
      sshd.port = await freePort()
      sshd.trust()
      try {
        await sshd.up()
        return sshd
      } catch (error) {
        if (tries === 3) throw error
      }
    }
  }

  settings(more: Partial<SshSettings> = {}): SshSettings {
    return {
      host: '127.0.0.1',
      port: this.port,
      username: this.username,
      keyPath: this.userKey,
      timeoutMs: 5000,
      knownHostsPath: this.knownHosts,
      ...more,
    }
  }

  hostKey(type = 'ed25519'): string {
    return join(this.folder, `host-key-${type}`)
  }

  /** Makes the server another one to those who know it; counts from the next `up`. */
  newHostKey(type = 'ed25519'): void {
    keygen(this.hostKey(type), type)
  }

  /** Writes the known hosts file anew, with the host keys of now. */
  trust(): void {
    const lines = (this.#options.hostKeys ?? ['ed25519']).map((type) => {
      const [name, key] = readFileSync(`${this.hostKey(type)}.pub`, 'utf8').split(' ')
      return `[127.0.0.1]:${this.port} ${name} ${key}`
    })
    writeFileSync(this.knownHosts, `${lines.join('\n')}\n`)
  }

  /** Starts it, on the same port as before. */
  async up(): Promise<void> {
    const config = join(this.folder, 'config')
    writeFileSync(config, this.#config().join('\n'))
    const child = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    // A test that runs into its time-out never comes to the disposal.
    process.once('exit', this.#killAtExit)
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`sshd did not start: ${this.log}`)))
      child.stderr?.on('data', (data: Buffer) => {
        this.log = `${this.log}${data}`.slice(-20_000)
        if (this.log.includes(`Server listening on 127.0.0.1 port ${this.port}`)) resolve()
      })
    })
    this.log = ''
  }

  /** Kills it and its part of every connection at once; what it runs for users is left as it is. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return
    const own = [child.pid, ...sshdsBelow(child.pid)]
    const gone = once(child, 'exit')
    for (const pid of own) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has just ended by itself.
      }
    }
    await gone
    process.off('exit', this.#killAtExit)
    this.#process = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #config(): string[] {
    return [
      ...(this.#options.config ?? []),
      `Port ${this.port}`,
      'ListenAddress 127.0.0.1',
      ...(this.#options.hostKeys ?? ['ed25519']).map((type) => `HostKey ${this.hostKey(type)}`),
      'PidFile none',
      `AuthorizedKeysFile ${this.userKey}.pub`,
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      // The login shell reads what it finds at home: that of whoever runs the tests must not count.
      `SetEnv HOME=${join(this.folder, 'home')}`,
      '',
    ]
  }
}

/** A folder that is a machine of its own to who logs in, with a shell and few tools, and without /proc. */
export function folderWithoutProc(): { path: string } & Disposable {
  // sshd takes none with a parent that others may write to, as /tmp is.
  const path = mkdtempSync('/run/ogent-no-proc-')
  chmodSync(path, 0o755)
  const copy = (file: string) => {
    mkdirSync(dirname(join(path, file)), { recursive: true })
    // By its own name: what is a link here is a file there.
    copyFileSync(realpathSync(file), join(path, file))
  }
  for (const program of ['sh', 'bash', 'env', 'uname', 'sleep', 'tr', 'grep', 'cat', 'id']) {
    const file = `/bin/${program}`
    copy(file)
    const libraries = execFileSync('ldd', [file]).toString()
    for (const [, library = ''] of libraries.matchAll(/(\/\S+) \(0x/g)) copy(library)
  }
  mkdirSync(join(path, 'dev'))
  writeFileSync(join(path, 'dev', 'null'), '')
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A system user with a password, for as long as it is needed. Only root can make one. */
export function throwAwayUser(shell = '/bin/sh'): { username: string; password: string } & Disposable {
  const username = `ogent-${randomBytes(4).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  execFileSync('useradd', ['--no-create-home', '--home-dir', '/', '--shell', shell, username])
  const dispose = () => execFileSync('userdel', ['-f', username], { stdio: 'ignore' })
  try {
    execFileSync('chpasswd', { input: `${username}:${password}\n` })
  } catch (error) {
    dispose()
    throw error
  }
  return { username, password, [Symbol.dispose]: dispose }
}

/** Undefined where `throwAwayUser` works; else why not. */
export function whyNoUser(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'only root can make a user with a password'
}

export function keygen(path: string, type: string, more: string[] = []): void {
  rmSync(path, { force: true })
  execFileSync('ssh-keygen', [
    '-q',
    '-t',
    type,
    '-f',
    path,
    ...(more.includes('-N') ? [] : ['-N', '']),
    ...more,
  ])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('A TCP server has a port.')
  return address.port
}

/** The processes of sshd itself below this one: what a login runs is below those. */
function sshdsBelow(pid: number): number[] {
  const children = processes().filter((other) => other.ppid === pid && other.name.startsWith('sshd'))
  return children.flatMap((child) => [child.pid, ...sshdsBelow(child.pid)])
}

function processes(): { pid: number; ppid: number; name: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const end = stat.lastIndexOf(')')
        const ppid = Number(stat.slice(end + 2).split(' ')[1])
        return [{ pid: Number(name), ppid, name: stat.slice(stat.indexOf('(') + 1, end) }]
      } catch {
        return []
      }
    })
}
