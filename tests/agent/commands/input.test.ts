import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CommandInput } from '../../../src/agent/commands/input.js'
import { Inputs } from '../../../src/agent/commands/inputs.js'
import type { Execution } from '../../../src/agent/commands/ports.js'
import { LocalExecutor } from '../../../src/agent/executors/local/executor.js'
import { limits } from '../../../src/shared/commands/limits.js'
import type { InputAnswer, InputOrder } from '../../../src/shared/link/protocol.js'
import { outcomeOf, startOn } from '../../suites/executor-suite.js'
import { until } from '../../support/processes.js'

const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: 300 })
afterAll(() => executor.close())

const bytes = (count: number) => Buffer.alloc(count, 'x')

/** An input with what it has answered, `state taken` each. */
function inputOf() {
  const answers: string[] = []
  const input = new CommandInput('c', ({ taken, state }) => void answers.push(`${state} ${taken}`))
  const take = (offset: number, data: string | Uint8Array = '', end = false) => {
    input.take({ offset, data: Buffer.from(data), end })
    return answers.at(-1)
  }
  return { input, answers, take }
}

/** A command with an open standard input that the process of this execution reads. */
async function startOpen(command: string): Promise<Execution & { input: NonNullable<Execution['input']> }> {
  const execution = await startOn(executor, command, { open_stdin: true })
  const { input } = execution
  if (!input) throw new Error('The standard input is not open.')
  return Object.assign(execution, { input })
}

describe('the input of a command', () => {
  test('takes each byte once when pieces come twice, overlap, or leave a gap', async () => {
    const { input, take } = inputOf()
    expect(take(0, 'abc')).toBe('open 3')
    expect(take(0, 'abc')).toBe('open 3')
    expect(take(4, 'ef')).toBe('open 3')
    expect(take(1, 'bcde')).toBe('open 5')
    expect(take(2, 'cd')).toBe('open 5')
    expect(take(5, 'f', true)).toBe('ended 6')
    const execution = await startOpen('cat')
    input.flowTo(execution.input)
    expect((await outcomeOf(execution)).stdout.toString()).toBe('abcdef')
  })

  test('answers how far it is when it is asked', () => {
    const { take } = inputOf()
    expect(take(0)).toBe('open 0')
    take(0, 'abc')
    expect([take(0), take(3), take(100)]).toEqual(['open 3', 'open 3', 'open 3'])
  })

  test('takes no end that lies before or behind what it has taken', () => {
    const { take } = inputOf()
    take(0, 'abcdef')
    expect(take(0, 'abc', true)).toBe('open 6')
    expect(take(7, '', true)).toBe('open 6')
    expect(take(3, 'def', true)).toBe('ended 6')
  })

  test('has the same answer for every piece that comes after its end', () => {
    const { input, take } = inputOf()
    take(0, 'abc', true)
    expect([take(0, 'abc', true), take(3, 'more'), take(0)]).toEqual(['ended 3', 'ended 3', 'ended 3'])
    input.close()
    expect(take(0)).toBe('ended 3')
  })

  test('takes nothing when it is closed', () => {
    const { input, answers, take } = inputOf()
    take(0, 'abc')
    input.close()
    expect(answers).toHaveLength(1)
    expect([take(3, 'more'), take(3, '', true), take(0)]).toEqual(['closed 3', 'closed 3', 'closed 3'])
  })

  test('takes as much as there is room for, and no end before all that comes before it', () => {
    const { take } = inputOf()
    expect(take(0, bytes(200_000))).toBe('open 200000')
    expect(take(200_000, bytes(100_000), true)).toBe(`full ${limits.input}`)
    expect(take(300_000, '', true)).toBe(`full ${limits.input}`)
    expect(take(limits.input, bytes(1))).toBe(`full ${limits.input}`)
    expect(take(limits.input, '', true)).toBe(`ended ${limits.input}`)
  })

  test('takes bytes one by one, as many as in one piece', () => {
    const { take } = inputOf()
    for (let offset = 0; offset < limits.input; offset++) take(offset, bytes(1))
    expect(take(0)).toBe(`open ${limits.input}`)
    expect(take(limits.input, bytes(1))).toBe(`full ${limits.input}`)
  })

  test('answers once more when it is full and is closed', () => {
    const { input, answers, take } = inputOf()
    take(0, bytes(limits.input))
    take(limits.input, bytes(1))
    input.close()
    input.close()
    expect(answers.slice(1)).toEqual([`full ${limits.input}`, `closed ${limits.input}`])
  })

  test('answers by itself when it was full and the process has read enough', async () => {
    const { input, answers, take } = inputOf()
    take(0, bytes(limits.input))
    expect(take(limits.input, bytes(1000))).toBe(`full ${limits.input}`)
    const execution = await startOpen('wc -c')
    input.flowTo(execution.input)
    await until('there is room', () => answers.at(-1) === `open ${limits.input}`)
    take(limits.input, bytes(1000), true)
    expect(Number((await outcomeOf(execution)).stdout)).toBe(limits.input + 1000)
  })

  test('is closed when its process has ended before it is given the pipe', async () => {
    const execution = await startOpen('exit 3')
    await outcomeOf(execution)
    const { input, take } = inputOf()
    take(0, 'abc')
    input.flowTo(execution.input)
    expect(take(3, 'def')).toBe('closed 3')
  })

  test('does not change a slice that is on its way when a piece is added to it', async () => {
    const { input, take } = inputOf()
    const execution = await startOpen('cat')
    input.flowTo(execution.input)
    let sent = ''
    for (let count = 0; count < 500; count++) {
      take(sent.length, `${count} `)
      sent += `${count} `
    }
    take(sent.length, '', true)
    expect((await outcomeOf(execution)).stdout.toString()).toBe(sent)
  })
})

describe('the inputs of an agent', () => {
  let answers: InputAnswer[]
  let inputs: Inputs
  beforeAll(() => {
    answers = []
    inputs = new Inputs((answer) => void answers.push(answer))
  })
  const piece = (command_id: string, data = ''): InputOrder => ({
    type: 'stdin_command_event',
    command_id,
    offset: 0,
    data: Buffer.from(data),
  })
  const asked = (command_id: string) => {
    inputs.take(piece(command_id))
    return answers.at(-1)
  }

  test('are apart from one another', () => {
    inputs.open('a')
    inputs.open('b')
    inputs.take(piece('a', 'abc'))
    expect([asked('a'), asked('b')]).toEqual([
      { command_id: 'a', taken: 3, state: 'open' },
      { command_id: 'b', taken: 0, state: 'open' },
    ])
  })

  test('are closed for a command that is unknown, and keep how far they came when it has ended', () => {
    expect(asked('unknown')).toEqual({ command_id: 'unknown', taken: 0, state: 'closed' })
    inputs.close('unknown')
    inputs.close('a')
    inputs.close('a')
    expect(asked('a')).toEqual({ command_id: 'a', taken: 3, state: 'closed' })
  })

  test('of ended commands are kept in a bound: the oldest is forgotten', () => {
    for (let count = 0; count < 1000; count++) {
      inputs.open(`c${count}`)
      inputs.take(piece(`c${count}`, 'x'))
      inputs.close(`c${count}`)
    }
    expect(asked('a')).toEqual({ command_id: 'a', taken: 0, state: 'closed' })
    expect(asked('c0')).toEqual({ command_id: 'c0', taken: 1, state: 'closed' })
  })
})
