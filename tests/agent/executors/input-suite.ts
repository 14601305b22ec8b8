import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ExecuteOrder, InputAnswer } from '../../../src/shared/link/protocol.js'
import type { ExecutorFixture } from '../../suites/executor-suite.js'
import { temporaryFolder } from '../../support/folder.js'
import { processesOf, until } from '../../support/processes.js'
import { RunnerFixture } from '../commands/runner-fixture.js'

const MB = 1024 * 1024
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

/** More than one argument holds: such a command reaches its shell in another way. */
const PADDING = `\n${'#'.repeat(128 * 1024)}`

/** A step of a writer that does not know how far the agent is. Its numbers are parts of what there is to choose from. */
const moves = fc.record({
  kind: fc.constantFrom('next', 'next', 'next', 'again', 'overlap', 'gap'),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  size: fc.integer({ min: 1, max: 256 * 1024 }),
})

/** What every executor does with the live input of a command, by way of the runner, with real children. */
export function inputSuite(name: string, open: () => Promise<ExecutorFixture>, skip?: string): void {
  const title = `the open standard input of a command on ${name}`
  describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
    let place: ExecutorFixture
    let fixture: RunnerFixture
    const folder = temporaryFolder('ogent-input-')
    beforeAll(async () => {
      place = await open()
      fixture = new RunnerFixture({ executors: () => place.executor, maxConcurrent: 8 })
    })
    afterEach(() => fixture.runner.cancelAll('The test has ended.'))
    afterAll(async () => {
      await fixture[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    })

    let count = 0
    /** Starts a command under an id of its own. Of its output only the beginning is kept, so that none of it has to be receipted. */
    const execute = (command: string, more: Partial<ExecuteOrder> = {}) => {
      const command_id = `input-${process.pid}-${name.replaceAll(/\W/g, '-')}-${count++}`
      fixture.execute(command_id, command, { open_stdin: true, max_output_bytes: 1000, ...more })
      return command_id
    }
    const closed = (id: string) => until('it is closed', () => fixture.input(id).state === 'closed')

    test('has every byte once when pieces come in parts, twice, too early and overlapping', async () => {
      const property = fc.asyncProperty(fc.array(moves, { minLength: 30, maxLength: 60 }), async (steps) => {
        const data = randomBytes(3 * MB)
        const id = execute('cat')
        let answer: InputAnswer = fixture.input(id)
        for (const { kind, from, size } of steps) {
          const { taken } = answer
          const offset = {
            next: taken,
            again: Math.floor(from * taken),
            overlap: Math.max(0, taken - Math.floor((from * size) / 2)),
            gap: taken + 1 + Math.floor(from * 1000),
          }[kind]
          const most = kind === 'again' ? Math.min(size, taken - offset) : size
          answer = fixture.input(id, offset, data.subarray(offset, offset + most))
          expect(answer.taken).toBeGreaterThanOrEqual(taken)
          if (kind === 'again' || kind === 'gap') expect(answer.taken).toBe(taken)
          if (answer.state === 'full') answer = await fixture.nextAnswer()
        }
        expect(await fixture.write(id, data)).toMatchObject({ taken: data.length, state: 'ended' })
        const result = await fixture.result(id)
        expect(result).toMatchObject({ status: 'success', stdout_bytes: data.length })
        expect(result.stdout_sha256).toBe(sha256(data))
      })
      await fc.assert(property, { numRuns: 3, endOnFailure: true })
    })

    test.each([
      ['a short command', ''],
      ['a command longer than one argument', PADDING],
    ])('comes behind the text of the request, for %s', async (_what, more) => {
      const id = execute(`cat${more}`, { stdin: 'first ' })
      await fixture.report(id, 'started')
      fixture.input(id, 0, 'second ')
      await fixture.written(id)
      expect(fixture.input(id, 7, 'third', true)).toMatchObject({ taken: 12, state: 'ended' })
      const { status, stdout_sha256 } = await fixture.result(id)
      expect([status, stdout_sha256]).toEqual(['success', sha256(Buffer.from('first second third'))])
    })

    test('comes behind a text of the request that is longer than a pipe holds', async () => {
      const id = execute('cat', { stdin: 'a'.repeat(MB) })
      expect(fixture.input(id, 0, 'b', true).state).toBe('ended')
      const { stdout_sha256 } = await fixture.result(id)
      expect(stdout_sha256).toBe(sha256(Buffer.from(`${'a'.repeat(MB)}b`)))
    })

    test('is the end of file for the command when it ends, and not before', async () => {
      const id = execute('cat; echo end')
      await fixture.report(id, 'started')
      fixture.input(id, 0, 'x')
      await fixture.written(id)
      expect(fixture.kindsOf(id)).not.toContain('result')
      expect(fixture.input(id, 1, '', true)).toEqual({ command_id: id, taken: 1, state: 'ended' })
      expect(await fixture.result(id)).toMatchObject({ status: 'success', stdout_bytes: 5, reason: null })
    })

    test('is full when the command does not read, and open again by itself once that does', async () => {
      const gate = join(folder.path, `gate-${count}`)
      const id = execute(`while ! [ -e '${gate}' ]; do sleep 0.05; done; wc -c`)
      const data = Buffer.alloc(8 * MB, 'x')
      let last = fixture.input(id)
      let same = 0
      await until('it is full', () => {
        const answer = fixture.input(id, last.taken, data.subarray(last.taken, last.taken + 256 * 1024))
        same = answer.state === 'full' && answer.taken === last.taken ? same + 1 : 0
        last = answer
        return same > 10
      })
      expect(last.taken).toBeGreaterThanOrEqual(256 * 1024)
      expect(last.taken).toBeLessThan(5 * MB)
      const next = fixture.nextAnswer()
      writeFileSync(gate, '')
      expect(await next).toEqual({ command_id: id, taken: last.taken, state: 'open' })
      expect(await fixture.write(id, data)).toMatchObject({ taken: data.length, state: 'ended' })
      const { status, stdout_sha256 } = await fixture.result(id)
      expect([status, stdout_sha256]).toEqual(['success', sha256(Buffer.from(`${data.length}\n`))])
    })

    test('is taken before the command runs, in the same bound', async () => {
      await using own = new RunnerFixture({ executors: () => place.executor, maxConcurrent: 1 })
      own.execute('before', 'cat', { open_stdin: true })
      const data = randomBytes(700_000)
      own.execute('waits', 'cat', { open_stdin: true, max_output_bytes: 1000 })
      expect(own.runner.counts()).toEqual({ running: 1, queued: 1 })
      expect(own.input('waits', 0, data.subarray(0, 200_000)).state).toBe('open')
      expect(own.input('waits', 200_000, data.subarray(200_000, 400_000))).toEqual({
        command_id: 'waits',
        taken: 256 * 1024,
        state: 'full',
      })
      own.input('before', 0, '', true)
      expect((await own.result('before')).status).toBe('success')
      const isOpen = ({ command_id, taken, state }: InputAnswer) =>
        command_id === 'waits' && taken === 256 * 1024 && state === 'open'
      await until('there is room', () => own.answers.some(isOpen))
      expect((await own.write('waits', data)).state).toBe('ended')
      expect((await own.result('waits')).stdout_sha256).toBe(sha256(data))
    })

    test('is closed when the command ends without having read it, which is no error', async () => {
      const id = execute('head -c 5')
      await fixture.report(id, 'started')
      expect(fixture.input(id, 0, '12345 and more').taken).toBe(14)
      expect(await fixture.result(id)).toMatchObject({ status: 'success', stdout_bytes: 5, reason: null })
      await closed(id)
      expect(fixture.input(id, 14, 'more')).toEqual({ command_id: id, taken: 14, state: 'closed' })
    })

    test('is closed, and a writer that waits is answered, when the command ends while it is full', async () => {
      const id = execute('sleep 0.2')
      expect((await fixture.write(id, Buffer.alloc(8 * MB, 'x'))).state).toBe('closed')
      expect(await fixture.result(id)).toMatchObject({ status: 'success', reason: null })
    })

    test('does not hold up a command that ends while it is open', async () => {
      const id = execute('echo hi')
      expect(await fixture.result(id)).toMatchObject({ status: 'success', reason: null })
      await closed(id)
    })

    test('does not hold up a cancel, after which no process is left', async () => {
      const id = execute('cat')
      fixture.input(id, 0, 'x')
      await fixture.written(id)
      fixture.cancel(id)
      expect(await fixture.result(id)).toMatchObject({ status: 'cancelled', signal: 'SIGTERM' })
      await closed(id)
      expect(fixture.input(id, 1, 'more')).toEqual({ command_id: id, taken: 1, state: 'closed' })
      expect(processesOf(id)).toEqual([])
    })

    test('is closed when the process is killed, also while it is full', async () => {
      const id = execute('echo on; exec sleep 600')
      await fixture.written(id)
      const written = fixture.write(id, Buffer.alloc(8 * MB, 'x'))
      const { pid = 0 } = await fixture.report(id, 'started')
      process.kill(pid, 'SIGKILL')
      expect((await written).state).toBe('closed')
      expect(await fixture.result(id)).toMatchObject({ status: 'error', signal: 'SIGKILL' })
    })

    test('lets the time limit end a command whose writer is gone', async () => {
      const id = execute('cat', { timeout_seconds: 0.5 })
      fixture.input(id, 0, 'x')
      expect(await fixture.result(id)).toMatchObject({ status: 'timeout', signal: 'SIGTERM' })
    })

    test('is closed for a command that cannot start, that is unknown, or that was started without it', async () => {
      const id = execute('cat', { cwd: '/no/such/folder' })
      expect((await fixture.result(id)).status).toBe('error')
      await closed(id)
      expect(fixture.input('unknown', 5, 'x')).toEqual({ command_id: 'unknown', taken: 0, state: 'closed' })
      const shut = execute('cat', { open_stdin: false, stdin: 'x' })
      expect(fixture.input(shut, 0, 'y')).toEqual({ command_id: shut, taken: 0, state: 'closed' })
      expect(await fixture.result(shut)).toMatchObject({ status: 'success', stdout_bytes: 1 })
    })
  })
}
