import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import type { BenchProcess } from '../process.js'
import { type Stage, type System, startDriver } from './system.js'

/** Connections kept open; the agents of work 5 share them, ten sessions each. */
const CONNECTIONS = 10

/** A private sshd on loopback with keys of its own, and both ssh peers on it. Throws why there can be none. */
export async function startSsh(stage: Stage): Promise<System[]> {
  const program = programPath('ssh')
  const folder = stage.workshop.data('ssh')
  const server = await startSshd(stage, folder)
  const masters = await startMasters(stage, program, folder, server)
  const username = userInfo().username
  const targets = masters.map(({ control }) => ({ control, destination: `${username}@127.0.0.1` }))
  const sshPlace = { peer: 'ssh', program, targets } as const
  const ssh2Place = {
    peer: 'ssh2',
    port: server.port,
    username,
    keyPath: join(folder, 'user-key'),
    hostFingerprint: fingerprintOf(join(folder, 'host-key')),
    connections: CONNECTIONS,
  } as const
  const common = { startFleet: async () => [] }
  const ssh = await startDriver(stage, sshPlace)
  const ssh2 = await startDriver(stage, ssh2Place)
  const agent = [server.process.pid]
  return [
    {
      ...common,
      peer: 'ssh',
      place: sshPlace,
      driver: ssh,
      pids: {
        caller: [ssh.pid],
        controller: masters.map(({ process }) => process.pid),
        agent,
        noSpawnAgent: [],
      },
    },
    {
      ...common,
      peer: 'ssh2',
      place: ssh2Place,
      driver: ssh2,
      pids: { caller: [ssh2.pid], controller: [], agent, noSpawnAgent: [] },
    },
  ]
}

async function startSshd(stage: Stage, folder: string): Promise<{ process: BenchProcess; port: number }> {
  const program = programPath('sshd')
  const keygen = programPath('ssh-keygen')
  const hostKey = join(folder, 'host-key')
  const userKey = join(folder, 'user-key')
  for (const path of [hostKey, userKey]) execFileSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-f', path])
  // sshd refuses to start as root without the folder that it locks itself into.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  const config = join(folder, 'config')
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    'PidFile none',
    `AuthorizedKeysFile ${userKey}.pub`,
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    // A login shell reads what it finds at home: that of whoever runs the bench must not count.
    `SetEnv HOME=${stage.workshop.data('ssh-home')}`,
    // Its defaults of 10 would refuse what the works ask for.
    'MaxSessions 200',
    'MaxStartups 200',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const server = await stage.processes.start({ name: 'sshd', program, args: ['-D', '-e', '-f', config] })
  await server.printed(/Server listening on 127\.0\.0\.1/)
  return { process: server, port }
}

/** As `ssh-keygen -l` prints it: bits, fingerprint, comment, type. */
function fingerprintOf(key: string): string {
  return execFileSync(programPath('ssh-keygen'), ['-l', '-f', key]).toString().split(' ')[1] ?? ''
}

async function startMasters(stage: Stage, program: string, folder: string, server: { port: number }) {
  const open = async (index: number): Promise<{ process: BenchProcess; control: string }> => {
    const control = join(folder, `m${index}`)
    const options = [
      'BatchMode=yes',
      'ControlMaster=yes',
      'StrictHostKeyChecking=accept-new',
      `UserKnownHostsFile=${join(folder, 'known-hosts')}`,
      `IdentityFile=${join(folder, 'user-key')}`,
      'IdentitiesOnly=yes',
    ].flatMap((option) => ['-o', option])
    const args = ['-F', '/dev/null', ...options, '-S', control, '-p', String(server.port), '-v', '-N']
    const destination = `${userInfo().username}@127.0.0.1`
    const master = await stage.processes.start({ name: 'ssh master', program, args: [...args, destination] })
    await master.printed(/Entering interactive session/)
    return { process: master, control }
  }
  return Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => open(index)))
}

/** Throws when it is not installed. */
function programPath(name: string): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = folders.map((folder) => join(folder, name)).find(isExecutable)
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('A TCP server has a port.'))
        else resolve(address.port)
      })
    })
  })
}
