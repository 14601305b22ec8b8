import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { needsControlGroups, TestGroup } from './control-groups.js'
import { temporaryFolder } from './folder.js'
import { until } from './processes.js'
import { type Ended, run } from './program.js'
import { repository } from './samples.js'
import { needs, servicesRequired } from './services.js'

const SYSTEMD = '/lib/systemd/systemd'
const NAMESPACES = ['--mount', '--pid', '--fork', '--kill-child', '--cgroup', '--uts']

/**
 * For `describe.skipIf(needsMachine())`: true where no machine can be made, which takes systemd, and root with the right to mount.
 * Throws instead when services are required.
 */
export function needsMachine(): boolean {
  if (needs('systemd-analyze') || needs('setpriv') || needsControlGroups()) return true
  try {
    execFileSync('unshare', [...NAMESPACES, 'sh', '-c', `mount -t tmpfs trial /mnt && test -x ${SYSTEMD}`], {
      stdio: 'ignore',
    })
    return false
  } catch {
    if (servicesRequired)
      throw new Error(
        'No namespaces with a systemd can be made here (is this root?), and OGENT_REQUIRE_SERVICES=1 asks for it.',
      )
    return true
  }
}

/**
 * A machine with a systemd of its own, in namespaces of this one: it has the same files, and what it writes is gone at the end.
 * It shares the network, so that it reaches what tests listen on. `await using` ends it.
 */
export class Machine implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #pid: number
  readonly #dispose: () => Promise<void>

  private constructor(child: ChildProcess, pid: number, dispose: () => Promise<void>) {
    this.#child = child
    this.#pid = pid
    this.#dispose = dispose
  }

  static async start(): Promise<Machine> {
    const folder = temporaryFolder('ogent-machine-')
    const group = new TestGroup('machine')
    const script = join(folder.path, 'boot.sh')
    writeFileSync(script, bootScript(folder.path))
    // A control group of its own is the root of what systemd sees of them. It ends with this process in any case.
    const enter = `echo 0 > ${group.path}/cgroup.procs && exec setpriv --pdeathsig KILL unshare ${NAMESPACES.join(' ')} sh ${script}`
    // By this variable systemd knows that clocks, devices and settings of the kernel are not its own.
    const child = spawn('sh', ['-ec', enter], {
      env: { PATH: process.env.PATH, container: 'ogent-tests' },
      stdio: 'ignore',
    })
    const exited = once(child, 'exit')
    const dispose = async () => {
      child.kill('SIGKILL')
      await exited
      await until('its control groups are empty', () => isDisposed(group))
      folder[Symbol.dispose]()
    }
    let machine: Machine | undefined
    try {
      await until('the machine has booted', async () => {
        if (child.exitCode !== null) throw new Error(`The machine did not boot: ${child.exitCode}.`)
        const pid = firstChildOf(child)
        machine ??= pid === undefined ? undefined : new Machine(child, pid, dispose)
        const state = await machine?.run('systemctl', ['is-system-running'])
        return /^(running|degraded)$/m.test(state?.stdout ?? '')
      })
      if (!machine) throw new Error('A machine that has booted has a first process.')
      return machine
    } catch (error) {
      await dispose()
      throw error
    }
  }

  /** Runs a program there, as root. */
  run(file: string, args: string[], options: { stdin?: string } = {}): Promise<Ended> {
    if (this.#child.exitCode !== null) throw new Error('The machine has ended.')
    const inside = ['--mount', '--pid', '--cgroup', '--uts', '--root', '--wd', '--target', String(this.#pid)]
    return run('nsenter', [...inside, file, ...args], { ...options, env: { HOME: '/root' } })
  }

  /** What a shell there says on stdout; rejects where it ends with an error. */
  async shell(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run('sh', ['-ec', script])
    if (code !== 0) throw new Error(`${script}\nended with ${code}: ${stderr}`)
    return stdout
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose()
  }
}

/** The process that is the first one of the machine. */
function firstChildOf({ pid }: ChildProcess): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return children === '' ? undefined : Number(children.split(' ')[0])
}

function isDisposed(group: TestGroup): boolean {
  try {
    group[Symbol.dispose]()
    return true
  } catch {
    return false
  }
}

/** This machine's files below a layer that takes what is written; of its kernel nothing can be set, and few devices are there. */
function bootScript(folder: string): string {
  return `set -e
mount -t tmpfs layers ${folder}
mkdir ${folder}/up ${folder}/work ${folder}/root
mount -t overlay root -o lowerdir=/,upperdir=${folder}/up,workdir=${folder}/work ${folder}/root
cd ${folder}/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sys sys
mount -t cgroup2 groups sys/fs/cgroup
mount -t tmpfs run run
mount -t tmpfs dev dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 terminals dev/pts
ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir -p .${repository}
mount --rbind ${repository} .${repository}
exec chroot . ${SYSTEMD} --system --unit=basic.target --log-target=null --show-status=0
`
}
