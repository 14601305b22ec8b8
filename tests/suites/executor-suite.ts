import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ExecSpec, Execution, Executor, Exit } from '../../src/agent/commands/ports.js'
import type { StreamName } from '../../src/shared/commands/event.js'
import { processesOf, until } from '../support/processes.js'

/** An executor with all that it stands on. It must give a command's leftovers `LEFT_BEHIND_MS`. */
export type ExecutorFixture = AsyncDisposable & { executor: Executor }

export const LEFT_BEHIND_MS = 300

export type Outcome = { stdout: Buffer; stderr: Buffer; exit: Exit }

/** Starts a command under an id of its own. */
export function startOn(
  executor: Executor,
  command: string,
  more: Partial<ExecSpec> = {},
): Promise<Execution & { command_id: string }> {
  const command_id = more.command_id ?? `test-${randomUUID()}`
  startedIds.add(command_id)
  const started = executor.start({ ...more, command_id, command }, new AbortController().signal)
  return started.then((execution) => Object.assign(execution, { command_id }))
}

/** Reads an execution to its end. */
export async function outcomeOf(execution: Execution): Promise<Outcome> {
  const pieces: Record<StreamName, Uint8Array[]> = { stdout: [], stderr: [] }
  for await (const { stream, data } of execution.output) pieces[stream].push(data)
  const exit = await execution.exit
  return { stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr), exit }
}

export async function runOn(
  executor: Executor,
  command: string,
  more: Partial<ExecSpec> = {},
): Promise<Outcome> {
  return outcomeOf(await startOn(executor, command, more))
}

/** Waits until the command has written this, and leaves the rest of its output to `outcomeOf`. */
async function whenSaid(execution: Execution, word: string): Promise<() => Promise<Outcome>> {
  let heard: (() => void) | undefined
  const said = new Promise<void>((resolve) => {
    heard = resolve
  })
  let text = ''
  const relay = {
    exit: execution.exit,
    output: (async function* () {
      for await (const chunk of execution.output) {
        text += Buffer.from(chunk.data).toString()
        if (text.includes(word)) heard?.()
        yield chunk
      }
      heard?.()
    })(),
    pid: execution.pid,
    terminate: () => {},
  }
  const outcome = outcomeOf(relay)
  await said
  return () => outcome
}

/** Of every command that was started here, so that none is left running by a test that failed. */
const startedIds = new Set<string>()

/** Kills what is left of the commands started by `startOn`. */
export function killLeftovers(): void {
  for (const pid of [...startedIds].flatMap(processesOf)) process.kill(pid, 'SIGKILL')
  startedIds.clear()
}

const ok = { exit_code: 0, signal: null, reason: null }

/** What every place where commands run must do, the same for all. */
export function executorSuite(name: string, open: () => Promise<ExecutorFixture>, skip?: string): void {
  describe.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (skipped: ${skip})`, () => {
    let fixture: ExecutorFixture
    let folder: string
    const run = (command: string, more?: Partial<ExecSpec>) => runOn(fixture.executor, command, more)
    const start = (command: string, more?: Partial<ExecSpec>) => startOn(fixture.executor, command, more)

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'ogent-suite-'))
      fixture = await open()
    })
    afterAll(async () => {
      killLeftovers()
      await fixture[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    })

    describe('output', () => {
      test('keeps both streams apart', async () => {
        const { stdout, stderr, exit } = await run('echo out; echo err >&2; echo out2')
        expect(stdout.toString()).toBe('out\nout2\n')
        expect(stderr.toString()).toBe('err\n')
        expect(exit).toEqual(ok)
      })

      test('passes on every byte of 100 MB, by their hash', async () => {
        const line = 'ogent 0123456789 abcdefghijklmnopqrstuvwxyz\n'
        const bytes = 100 * 1024 * 1024
        const expected = createHash('sha256')
        const block = Buffer.from(line.repeat(Math.ceil((1024 * 1024) / line.length)))
        for (let at = 0; at < bytes; at += block.length) expected.update(block.subarray(0, bytes - at))
        const execution = await start(`yes '${line.trim()}' | head -c ${bytes}`)
        const seen = createHash('sha256')
        let count = 0
        for await (const { data } of execution.output) {
          seen.update(data)
          count += data.length
        }
        expect(await execution.exit).toEqual(ok)
        expect(count).toBe(bytes)
        expect(seen.digest('hex')).toBe(expected.digest('hex'))
      })

      test('passes on the bytes of a character that was written in two parts', async () => {
        const { stdout } = await run(
          "printf 'caf\\303'; sleep 0.05; printf '\\251 \\360\\237'; sleep 0.05; printf '\\230\\200'",
        )
        expect(stdout.toString('utf8')).toBe('café 😀')
      })

      test('passes on bytes that are not text unchanged', async () => {
        const { stdout } = await run("printf '\\000\\377\\200\\r\\n\\033'")
        expect([...stdout]).toEqual([0, 255, 128, 13, 10, 27])
      })

      test('passes on a line while the command is still running', async () => {
        const execution = await start('echo first; cat; echo last', { stdin: '' })
        const chunks = execution.output[Symbol.asyncIterator]()
        const first = await chunks.next()
        expect(first.done).toBe(false)
        for (let next = await chunks.next(); !next.done; ) next = await chunks.next()
        expect(await execution.exit).toEqual(ok)
      })

      test('blocks the command while no one reads, and loses nothing', async () => {
        const counter = join(folder, `count-${randomUUID()}`)
        const blocks = 600
        const execution = await start(
          `i=0; while [ $i -lt ${blocks} ]; do head -c 65536 /dev/zero; i=$((i+1)); echo $i >'${counter}'; done`,
        )
        let last = ''
        let same = 0
        await until('the command stands still', () => {
          const now = existsSync(counter) ? readFileSync(counter, 'utf8') : ''
          same = now !== '' && now === last ? same + 1 : 0
          last = now
          return same > 20
        })
        expect(Number(last)).toBeLessThan(blocks / 2)
        const { stdout, exit } = await outcomeOf(execution)
        expect(stdout.length).toBe(blocks * 65536)
        expect(exit).toEqual(ok)
      })
    })

    describe('start', () => {
      test('passes on the text of a command unchanged', async () => {
        const text = 'x=1 # a comment\ncat <<"E"\n$x `id` \\ "\' !\nE\nprintf "%s|" "$0" $# "$x"'
        const { stdout } = await run(text)
        expect(stdout.toString()).toBe('$x `id` \\ "\' !\n/bin/sh|0|1|')
      })

      test('passes any text in quotes unchanged', async () => {
        const texts = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => !text.includes('\0'))
        await fc.assert(
          fc.asyncProperty(texts, texts, async (word, value) => {
            const quoted = `'${word.replaceAll("'", "'\\''")}'`
            const { stdout } = await run(`printf '%s|%s' ${quoted} "$VALUE"; cat`, {
              env: { VALUE: value },
              stdin: word,
            })
            expect(stdout).toEqual(Buffer.from(`${word}|${value}${word}`))
          }),
          { numRuns: 60, examples: [['\u0081\u0088é\n\n', 'a\'b"c$d`e\\f\n']] },
        )
      })

      test('sets the environment, with quotes, newlines and $ in it, and adds the command id', async () => {
        const env = { ONE: "it's", TWO: 'a\nb\n', THREE: '$HOME `id` $(id)', FOUR: '"\\', EMPTY: '' }
        const command_id = `test-${randomUUID()}`
        const { stdout } = await run('env -0', { env, command_id })
        const seen = new Map(
          stdout
            .toString()
            .split('\0')
            .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
        )
        for (const [key, value] of Object.entries(env)) expect(seen.get(key)).toBe(value)
        expect(seen.get('OGENT_COMMAND_ID')).toBe(command_id)
        expect([...seen.keys()].filter((key) => key.startsWith('ogent'))).toEqual([])
      })

      test('sets variables that shells reserve', async () => {
        const { stdout } = await run('env', { env: { UID: '77', PATH: '/usr/bin:/bin', IFS: ':' } })
        expect(stdout.toString().split('\n')).toEqual(
          expect.arrayContaining(['UID=77', 'PATH=/usr/bin:/bin']),
        )
      })

      test('writes the standard input, 1 MiB of it, and closes it', async () => {
        const stdin = 'é0123456789\n'.repeat(81_000).slice(0, 950_000)
        const { stdout, exit } = await run('cat', { stdin })
        expect(stdout.equals(Buffer.from(stdin))).toBe(true)
        expect(exit).toEqual(ok)
      })

      test('lets a command end without reading its input', async () => {
        const { exit } = await run('exit 4', { stdin: 'x'.repeat(1024 * 1024) })
        expect(exit.exit_code).toBe(4)
      })

      test('gives end of file when there is no input', async () => {
        const { stdout } = await run('cat; echo end')
        expect(stdout.toString()).toBe('end\n')
      })

      test('ends by force what still runs when it is closed, also when that had time left to end', async () => {
        await using own = await open()
        const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
        const executions = [await startOn(own.executor, stubborn), await startOn(own.executor, stubborn)]
        const outcomes = await Promise.all(executions.map((execution) => whenSaid(execution, 'ready')))
        executions[0]?.terminate(60_000)
        await own.executor.close()
        expect(executions.flatMap(({ command_id }) => processesOf(command_id))).toEqual([])
        for (const outcome of outcomes) {
          expect((await outcome()).exit).toMatchObject({ exit_code: null, signal: 'SIGKILL' })
        }
      })

      test('starts in a working folder with any name', async () => {
        const cwd = join(folder, "a 'b' $HOME\nc")
        mkdirSync(cwd, { recursive: true })
        expect((await run('pwd', { cwd })).stdout.toString()).toBe(`${cwd}\n`)
      })

      test('says which working folder cannot be entered', async () => {
        const cwd = join(folder, 'missing')
        await expect(start('true', { cwd })).rejects.toThrow(`The working folder ${cwd} cannot be entered`)
      })

      test('accepts a command of 128 KiB', async () => {
        for (const length of [128 * 1024, 128 * 1024 - 1]) {
          const text = `echo ${'x'.repeat(length - 16)}|wc -c;exit 3`.padEnd(length, ' ')
          const { stdout, stderr, exit } = await run(text)
          expect(stderr.toString()).toBe('')
          expect(stdout.toString().trim()).toBe(String(length - 15))
          expect(exit.exit_code).toBe(3)
        }
      })

      test('accepts a command of 128 KiB of quotes and newlines', async () => {
        const body = "'\n".repeat((128 * 1024 - 30) / 2)
        const { stdout } = await run(`cat <<"E" | wc -c\n${body}\nE`, {
          env: { LARGE: "'\n".repeat(60_000) },
        })
        expect(stdout.toString().trim()).toBe(String(body.length + 1))
      })
    })

    describe('exit', () => {
      test('reports every exit code from 0 to 255', async () => {
        const codes = Array.from({ length: 256 }, (_, code) => code)
        const seen: (number | null)[] = []
        for (let from = 0; from < 256; from += 8) {
          const some = await Promise.all(codes.slice(from, from + 8).map((code) => run(`exit ${code}`)))
          seen.push(...some.map(({ exit }) => exit.exit_code))
        }
        expect(seen).toEqual(codes)
      })

      test.each(['HUP', 'INT', 'QUIT', 'ABRT', 'KILL', 'SEGV', 'PIPE', 'TERM', 'USR1'])(
        'reports death by SIG%s',
        async (signal) => {
          const { exit } = await run(`ulimit -c 0; kill -${signal} $$`)
          expect(exit).toMatchObject({ exit_code: null, signal: `SIG${signal}` })
        },
      )

      test("does not report a child's death as the command's", async () => {
        const { exit } = await run("sh -c 'kill -KILL $$'; exit $?")
        expect(exit).toMatchObject({ exit_code: 137, signal: null })
      })

      test('runs 32 commands at a time, each with its own result', async () => {
        const all = await Promise.all(
          Array.from({ length: 32 }, (_, n) => run(`cat; echo ${n} >&2; exit ${n}`, { stdin: `in ${n}` })),
        )
        expect(all.map(({ stdout }) => stdout.toString())).toEqual(all.map((_, n) => `in ${n}`))
        expect(all.map(({ stderr }) => stderr.toString())).toEqual(all.map((_, n) => `${n}\n`))
        expect(all.map(({ exit }) => exit.exit_code)).toEqual(all.map((_, n) => n))
      })

      test('ends left-behind processes that hold the output, and reports that', async () => {
        const execution = await start('sleep 300 & echo done')
        const { stdout, exit } = await outcomeOf(execution)
        expect(stdout.toString()).toBe('done\n')
        expect(exit).toMatchObject({ exit_code: 0, signal: null })
        expect(exit.reason).toContain('left behind')
        expect(processesOf(execution.command_id)).toEqual([])
      })

      test('stops reading from a process outside the group that holds the output, and reports that', async () => {
        const execution = await start('setsid sleep 300 & echo done')
        const { exit } = await outcomeOf(execution)
        expect(exit.exit_code).toBe(0)
        expect(exit.reason).toContain("outside the command's group")
        for (const pid of processesOf(execution.command_id)) process.kill(pid, 'SIGKILL')
      })

      test('leaves left-behind processes without the output alone', async () => {
        // On a busy machine the shell may be gone before its child has let go of the output.
        const released = 'while [ "$(readlink /proc/$!/fd/2)" != /dev/null ]; do sleep 0.05; done'
        const execution = await start(`sleep 300 >/dev/null 2>&1 & ${released}; echo done`)
        const { exit } = await outcomeOf(execution)
        expect(exit).toEqual(ok)
        const left = processesOf(execution.command_id)
        expect(left).toHaveLength(1)
        for (const pid of left) process.kill(pid, 'SIGKILL')
      })
    })

    describe('terminate', () => {
      test('asks a command to end first, which can tidy up and says how it ended', async () => {
        const execution = await start(
          "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
        )
        const rest = await whenSaid(execution, 'ready')
        execution.terminate(10_000)
        const { stdout, exit } = await rest()
        expect(stdout.toString()).toBe('ready\nbye\n')
        expect(exit).toEqual({ exit_code: 7, signal: null, reason: null })
      })

      test('ends a command that ignores TERM by force, with its children', async () => {
        const execution = await start(
          "trap '' TERM; (sleep 300; :) & (sleep 301; :) & echo ready; while :; do sleep 0.1; done",
        )
        const rest = await whenSaid(execution, 'ready')
        execution.terminate(200)
        execution.terminate(60_000)
        const { exit } = await rest()
        expect(exit).toMatchObject({ exit_code: null, signal: 'SIGKILL' })
        expect(processesOf(execution.command_id)).toEqual([])
      })

      test('ends a child that ignores TERM and holds no output by force, after the command has ended', async () => {
        const execution = await start(
          "(trap '' TERM; exec sleep 300 >/dev/null 2>&1) & echo ready; exec sleep 301",
        )
        const rest = await whenSaid(execution, 'ready')
        // The child may not have come to its trap yet.
        await until('the child sleeps', () => processesOf(execution.command_id).length === 2)
        execution.terminate(200)
        const { exit } = await rest()
        expect(exit).toMatchObject({ exit_code: null, signal: 'SIGTERM' })
        expect(processesOf(execution.command_id)).toEqual([])
      })

      test('ends a command that is stopped', async () => {
        const execution = await start('echo ready; kill -STOP $$; echo never')
        const rest = await whenSaid(execution, 'ready')
        execution.terminate(10_000)
        const { exit } = await rest()
        expect(exit).toMatchObject({ exit_code: null, signal: 'SIGTERM' })
      })

      test('ends a command whose output is not read', async () => {
        const execution = await start('yes')
        execution.terminate(10_000)
        await until('no process of it is left', () => processesOf(execution.command_id).length === 0)
        const { exit } = await outcomeOf(execution)
        expect(exit).toMatchObject({ exit_code: null, signal: 'SIGTERM' })
      })

      test('has no effect when the command has ended', async () => {
        const execution = await start('exit 5')
        const { exit } = await outcomeOf(execution)
        execution.terminate(0)
        expect(exit).toEqual({ exit_code: 5, signal: null, reason: null })
      })
    })
  })
}
