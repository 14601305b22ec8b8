import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlGroups } from '../../../../src/agent/executors/local/control-groups.js'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { endOrphans } from '../../../../src/agent/executors/local/orphans.js'
import { markOf } from '../../../../src/host/process-mark.js'
import { killLeftovers, LEFT_BEHIND_MS, outcomeOf, runOn, startOn } from '../../../suites/executor-suite.js'
import { needsControlGroups, TestGroup } from '../../../support/control-groups.js'
import { temporaryFolder } from '../../../support/folder.js'
import { until } from '../../../support/processes.js'
import { run } from '../../../support/program.js'
import { needs } from '../../../support/services.js'
import { Sleeps } from '../../../support/sleeps.js'

const ways = [
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const

const ended = { exit_code: 0, signal: null, reason: null }

async function openGroups(parent: TestGroup, owner = '/one'): Promise<ControlGroups> {
  const groups = await ControlGroups.open({ owner, parent: parent.path })
  if (groups === undefined) throw new Error('Control groups can be made here, but not used.')
  return groups
}

describe.skipIf(needsControlGroups()).each(ways)(
  'a command in a control group of its own, started by %s',
  (_name, forks) => {
    let parent: TestGroup
    let groups: ControlGroups
    let executor: LocalExecutor
    let sleeps: Sleeps
    beforeEach(async () => {
      sleeps = new Sleeps()
      parent = new TestGroup('executor')
      groups = await openGroups(parent)
      executor = open(groups)
    })
    afterEach(async () => {
      sleeps.end()
      killLeftovers()
      await executor.close()
      await until('all have ended', () => sleeps.pids().length === 0)
      await until(
        'the groups are empty',
        () => {
          try {
            parent[Symbol.dispose]()
            return true
          } catch {
            return !existsSync(parent.path)
          }
        },
        30_000,
      )
    })

    function open(controlGroups: ControlGroups | undefined): LocalExecutor {
      return new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks, controlGroups })
    }

    const start = async (command: string, command_id?: string) => {
      const more = command_id === undefined ? {} : { command_id }
      const execution = await startOn(executor, `${command}; echo ready; exec sleep 300`, more)
      await until('the process runs', () => sleeps.pids().length === 1)
      return execution
    }

    const stubborn = () =>
      `env -i setsid sh -c '(trap "" TERM; exec ${sleeps.text}) & exit' >/dev/null 2>&1; sleep 0.2`

    const inner = () => {
      const inside = 'G=$(sed -n "s/^0:://p" /proc/self/cgroup)'
      const mount = parent.path.slice(0, -parent.name.length)
      return `${inside}; mkdir ${mount}$G/inner; echo 0 > ${mount}$G/inner/cgroup.procs; ${sleeps.hidden}`
    }

    const hidden: [how: string, command: () => string][] = [
      ['that nothing else can find', () => sleeps.hidden],
      ['that nothing else can find and that ignores the request to end', stubborn],
      ['in a group that the command has made', inner],
    ]

    test.each(hidden)('is ended together with a process %s', async (_how, command) => {
      const execution = await start(command())
      execution.terminate(300)
      const { exit } = await outcomeOf(execution)
      expect(exit).toMatchObject({ signal: 'SIGTERM' })
      expect(sleeps.pids()).toEqual([])
      await until('its group is removed', () => parent.inside().length === 0)
    })

    test.each(hidden)('is ended by force together with a process %s', async (_how, command) => {
      const execution = await start(command())
      await executor.close()
      expect(sleeps.pids()).toEqual([])
      await outcomeOf(execution)
    })

    test.each(hidden)(
      'is ended by the next agent, when its own was killed, together with a process %s',
      async (_how, command) => {
        const execution = await start(command())
        const mark = markOf(execution.pid ?? 0)
        // The next agent of the same state folder, which finds the group in use.
        const next = await openGroups(parent)
        await endOrphans(execution.command_id, mark, 300, next)
        expect(sleeps.pids()).toEqual([])
        await outcomeOf(execution)
      },
    )

    test('is ended together with a process that keeps moving on to a new one', async () => {
      using folder = temporaryFolder('ogent-relay-')
      const file = join(folder.path, 'relay')
      // It cannot go on once its file is removed, should it not be ended.
      writeFileSync(file, `trap '' TERM; echo >> ${file}.rounds; /bin/sh ${file} & exit`)
      const relay = `env -i setsid /bin/sh ${file} >/dev/null 2>&1 & exec sleep 300`
      const execution = await startOn(executor, relay)
      await until('it goes on', () => existsSync(`${file}.rounds`))
      execution.terminate(300)
      await outcomeOf(execution)
      const rounds = () => readFileSync(`${file}.rounds`, 'utf8').length
      const before = rounds()
      await until('its group is removed', () => parent.inside().length === 0)
      expect(rounds()).toBe(before)
    })

    test('asks processes that it has detached to end before it ends them by force', async () => {
      const command = `env -i setsid sh -c '(trap "exit 0" TERM; ${sleeps.text} & wait) & exit' >/dev/null 2>&1`
      const execution = await start(command)
      // Far more than a test takes: only the request can have ended it.
      execution.terminate(3_600_000)
      await outcomeOf(execution)
      expect(sleeps.pids()).toEqual([])
    })

    test('ends no process of another command when it is ended', async () => {
      const stays = await start(sleeps.hidden)
      const others = new Sleeps()
      const goes = await startOn(executor, `${others.hidden}; exec sleep 300`)
      await until('the other runs', () => others.pids().length === 1)
      goes.terminate(300)
      await outcomeOf(goes)
      expect(others.pids()).toEqual([])
      expect(sleeps.pids()).toHaveLength(1)
      stays.terminate(0)
      await outcomeOf(stays)
    })

    test('leaves its detached processes alone when it ends by itself, and its group is removed after them', async () => {
      const { exit } = await runOn(executor, sleeps.hidden)
      expect(exit).toEqual(ended)
      await until('the process runs', () => sleeps.pids().length === 1)
      expect(parent.inside()).toHaveLength(1)
      sleeps.end()
      await until(
        'the group is removed',
        async () => {
          await runOn(executor, 'true')
          return parent.inside().length === 0
        },
        30_000,
      )
    })

    test('runs as before when its group is still in use', async () => {
      const command_id = `twice-${process.pid}`
      const first = await start(sleeps.hidden, command_id)
      expect((await runOn(executor, 'echo out', { command_id })).stdout.toString()).toBe('out\n')
      expect(sleeps.pids()).toHaveLength(1)
      first.terminate(0)
      await outcomeOf(first)
      expect(sleeps.pids()).toEqual([])
    })

    test('leaves no group behind, for any outcome and any id', async () => {
      const ids = ['../../x', 'a/b', '.', 'x'.repeat(200), 'é\u202e', ' ', '-rf']
      await Promise.all(ids.map((command_id, code) => runOn(executor, `exit ${code}`, { command_id })))
      await expect(runOn(executor, 'true', { cwd: '/no/such/folder' })).rejects.toThrow('cannot be entered')
      await until('the groups are removed', () => parent.inside().length === 0)
    })

    test('runs when its group is removed before it enters it', async () => {
      const make = groups.make.bind(groups)
      groups.make = (command_id) => {
        const group = make(command_id)
        group?.remove()
        return group
      }
      const { stdout, stderr, exit } = await runOn(executor, 'echo out; echo err >&2; exit 4')
      expect(`${stdout}${stderr}`).toBe('out\nerr\n')
      expect(exit.exit_code).toBe(4)
    })

    test.each([
      ['the environment', 'env | sort', {}],
      [
        'the environment with more in it',
        'env | sort',
        { env: { A: "it's\n$HOME `id`", IFS: 'x', UID: '7', PATH: '/usr/bin:/bin', OPTIND: '3' } },
      ],
      ['the working folder', 'pwd; echo $PWD; env | grep -c OLDPWD', { cwd: '/tmp' }],
      ['the name and the arguments', 'echo "$0" $# "$*" "$-"; tr "\\0" " " </proc/$$/cmdline', {}],
      ['the open files', 'ls /proc/$$/fd', {}],
      ['signals, limits and the mask', 'grep ^Sig[PBIC] /proc/self/status; umask; ulimit -a', {}],
      [
        'the process group',
        'test $$ = $(ps -o pgid= -p $$) && test $$ = $(ps -o sid= -p $$) && echo $PPID',
        {},
      ],
      ['an input', 'cat', { stdin: 'a\nb' }],
      ['a command longer than one argument', `echo long\n${'#'.repeat(128 * 1024)}`, {}],
      ['quotes and newlines', "printf '%s' 'a\nb'\necho \"$(echo 'x')\" # done\n", {}],
      ['a signal', 'kill -KILL $$', {}],
      ['a syntax error', 'true\nif then', {}],
    ])('sees %s as a command without a group does', async (_what, command, more) => {
      const spec = { ...more, command_id: `both-${process.pid}` }
      const one = await runOn(open(undefined), command, spec)
      const other = await runOn(executor, command, spec)
      const shown = ({ stdout, stderr, exit }: typeof one) => ({
        stdout: stdout.toString(),
        stderr: stderr.toString(),
        exit,
      })
      expect(shown(other)).toEqual(shown(one))
      expect((await runOn(executor, 'cat /proc/self/cgroup')).stdout.toString()).toContain(`${parent.name}/`)
    })
  },
)

describe.skipIf(needsControlGroups())('control groups', () => {
  const isEmpty = (group: TestGroup) => until('it is empty', () => group.inside().length === 0)

  test('of an earlier agent are removed at the start when they are empty', async () => {
    using parent = new TestGroup('left')
    const before = await openGroups(parent)
    before.make('empty')
    const full = before.make('full')
    const { path, args } = full?.argumentsToRun(['/bin/sleep', '300']) ?? { path: '', args: [] }
    const child = spawn(path, args)
    await until('it is in', () => full?.isPopulated === true)
    const next = await openGroups(parent)
    expect(parent.inside()).toHaveLength(1)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    await until('it is empty', () => full?.isPopulated === false)
    // With the next command.
    const another = next.make('another')
    if (another) next.release(another)
    await isEmpty(parent)
  })

  test('of another agent are kept, except those that have been abandoned for an hour', async () => {
    using parent = new TestGroup('others')
    const other = await openGroups(parent, '/other')
    const young = other.make('young')
    const old = other.make('old')
    const then = Date.now() / 1000 - 3700
    utimesSync(old?.path ?? '', then, then)
    await openGroups(parent)
    expect(parent.inside().map((name) => join(parent.path, name))).toEqual([young?.path])
  })

  test('are not killed when the agent itself is in one', async () => {
    using parent = new TestGroup('own')
    const script = `
      import { writeFileSync } from 'node:fs'
      const { ControlGroups } = await import(process.argv[1])
      const groups = await ControlGroups.open({ owner: '/own', parent: process.argv[2] })
      const group = groups.make('own')
      writeFileSync(group.path + '/cgroup.procs', '0')
      group.kill()
      console.log('lives')`
    const url = new URL('../../../../dist/agent/executors/local/control-groups.js', import.meta.url).href
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script, url, parent.path])
    expect(stdout).toBe('lives\n')
    await until('it has gone', () => !parent.inside().some((name) => populated(parent, name)))
  })

  const populated = (parent: TestGroup, name: string) =>
    readFileSync(join(parent.path, name, 'cgroup.events'), 'utf8').includes('populated 1')

  test.each([
    ['that is not there', '/sys/fs/cgroup/no/such/group'],
    ['that is no control group', '/tmp'],
  ])('are not used at a place %s', async (_what, parent) => {
    expect(await ControlGroups.open({ owner: '/one', parent })).toBeUndefined()
  })

  const setpriv = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
  const whose = `
    const { ControlGroups } = await import(process.argv[1])
    console.log(await ControlGroups.open({ owner: '/one' }) ? 'cgroups' : 'marks')`

  test.skipIf(needs('setpriv') || process.getuid?.() !== 0).each([
    ['are used by an ordinary user whose group was given to it', true, 'cgroups\n'],
    ['are not used by one whose group was not', false, 'marks\n'],
  ])('%s', async (_title, given, expected) => {
    using parent = new TestGroup('delegated')
    const unit = join(parent.path, 'unit')
    mkdirSync(unit)
    const files = ['', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']
    if (given) for (const file of files) chownSync(join(unit, file), 65534, 65534)
    const url = new URL('../../../../dist/agent/executors/local/control-groups.js', import.meta.url).href
    const shell = 'echo $$ > "$0/cgroup.procs"; exec setpriv "$@"'
    const program = [...setpriv, process.execPath, '--input-type=module', '-e', whose, url]
    const { stdout, stderr } = await run('sh', ['-c', shell, unit, ...program])
    expect({ stdout, stderr }).toEqual({ stdout: expected, stderr: '' })
    await until('it has gone', () => !populated(parent, 'unit'))
  })
})

/** As sudo would have it: a process of root's in the group of a command of an ordinary user's agent. */
test.skipIf(needsControlGroups() || needs('setpriv') || process.getuid?.() !== 0)(
  'a command is ended together with a process that its agent may not signal',
  async () => {
    using parent = new TestGroup('sudo')
    const unit = join(parent.path, 'unit')
    mkdirSync(unit)
    for (const file of ['', 'cgroup.procs']) chownSync(join(unit, file), 65534, 65534)
    const script = `
      const { ControlGroups } = await import(process.argv[1] + '/control-groups.js')
      const { LocalExecutor } = await import(process.argv[1] + '/executor.js')
      const controlGroups = await ControlGroups.open({ owner: '/one' })
      const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: 1000, controlGroups })
      const spec = { command_id: 'sudo', command: 'echo ready; exec sleep 300', cwd: '/' }
      const execution = await executor.start(spec, new AbortController().signal)
      for await (const { data } of execution.output) {
        console.log(controlGroups.of('sudo').path)
        process.stdin.once('data', () => execution.terminate(100))
      }
      await execution.exit
      process.exit(0)`
    const url = new URL('../../../../dist/agent/executors/local', import.meta.url).href
    const shell = 'echo $$ > "$0/cgroup.procs"; exec setpriv "$@"'
    const user = ['--reuid', '65534', '--regid', '65534', '--clear-groups']
    const program = [...user, process.execPath, '--input-type=module', '-e', script, url]
    const agent = spawn('sh', ['-c', shell, unit, ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
    const agentEnded = once(agent, 'exit')
    const [said] = await once(agent.stdout, 'data')
    const ofRoot = spawn('sleep', ['300'])
    const rootEnded = once(ofRoot, 'exit')
    try {
      writeFileSync(join(String(said).trim(), 'cgroup.procs'), String(ofRoot.pid))
      agent.stdin.write('end\n')
      expect(await rootEnded).toEqual([null, 'SIGKILL'])
      expect(await agentEnded).toEqual([0, null])
    } finally {
      ofRoot.kill('SIGKILL')
      agent.kill('SIGKILL')
    }
    await until(
      'it has gone',
      () => !readFileSync(join(unit, 'cgroup.events'), 'utf8').includes('populated 1'),
    )
  },
)
