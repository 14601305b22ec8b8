import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Asked, startModel } from '../support/model.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { accounts, type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  await system.addAgent('agent-2')
})
afterAll(() => system[Symbol.asyncDispose]())

type Options = { env?: Record<string, string>; stdin?: string }

function example(name: string, args: string[], { env = {}, stdin = '' }: Options = {}) {
  const { username, password } = accounts.operator
  const program = name.endsWith('.sh') ? 'sh' : process.execPath
  return run(program, [`${repository}examples/${name}`, ...args], {
    env: { OGENT_URL: system.url, OGENT_USERNAME: username, OGENT_PASSWORD: password, ...env },
    stdin,
  })
}

test('one-command.mjs runs a command and prints how it ended', async () => {
  const { stdout, ...rest } = await example('one-command.mjs', ['agent-1', 'echo out; echo err >&2; exit 3'])
  expect(rest).toEqual({ code: 0, stderr: 'err\n' })
  expect(stdout).toMatch(/^out\nerror, exit code 3, \d+ ms\n$/)
})

test('streaming.mjs prints both streams apart and how the command ended', async () => {
  const { code, stdout, stderr } = await example('streaming.mjs', ['agent-1', 'echo a; echo b >&2; printf c'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'a\nc' })
  expect(stderr).toMatch(/^started as process \d+\nb\nsuccess, exit code 0, 3 and 2 bytes\n$/)
})

test('many-agents.mjs runs the same on many agents, as many at a time as it is given', async () => {
  const { code, stdout } = await example('many-agents.mjs', ['echo a; sleep 0.2; printf b', '1'])
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  const of = (agent_id: string) => [
    `${agent_id} | a`,
    `${agent_id} | b`,
    `${agent_id} : success, exit code 0`,
  ]
  // One at a time: nothing of the second before the end of the first.
  expect([
    [...of('agent-1'), ...of('agent-2')],
    [...of('agent-2'), ...of('agent-1')],
  ]).toContainEqual(lines)
})

describe('attach.mjs', () => {
  test('shows all of a command that was started elsewhere, and more than once', async () => {
    const started = await example('attach.mjs', [
      'start',
      'agent-1',
      'echo one; sleep 0.3; echo two >&2; exit 4',
    ])
    expect(started).toMatchObject({ code: 0, stderr: '' })
    const id = started.stdout.trim()
    for (const _time of [1, 2]) {
      const { code, stdout, stderr } = await example('attach.mjs', ['watch', id])
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\n' })
      expect(stderr).toMatch(/^two\nerror, exit code 4, 5 events\n$/)
    }
    expect((await example('attach.mjs', ['watch', id, '4'])).stdout).toBe('')
  })

  test('prints its usage when it is called without an id', async () => {
    expect(await example('attach.mjs', [])).toMatchObject({ code: 64 })
  })
})

describe('ai-tool-loop.mjs', () => {
  const command = (text: unknown) => ({
    name: 'run_command',
    arguments: JSON.stringify({ command: text, why: 'to see' }),
  })

  async function loop(answers: Answer[], typed: string) {
    await using model = await startModel((_asked, count) => answers[count - 1] ?? { says: 'No more.' })
    const env = { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: 'sk-test', OPENAI_MODEL: 'a-model' }
    const said = await example('ai-tool-loop.mjs', ['agent-1', 'look around'], { env, stdin: typed })
    return { ...said, asked: model.asked }
  }

  test('runs what a person allows, gives the model the output, and ends with the answer of the model', async () => {
    const { code, stdout, asked } = await loop(
      [{ calls: [command('echo found $((40 + 2))')] }, { says: 'It is 42.' }],
      'y\n',
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /The model wants to run on agent-1: echo found .*\n {2}why: to see\n {2}risk: low\n/,
    )
    expect(stdout).toMatch(/found 42\nIt is 42\.\n$/)
    expect(asked[0]).toMatchObject({ model: 'a-model', tools: [{ function: { name: 'run_command' } }] })
    expect(toolAnswers(asked[1])).toMatchObject([{ status: 'success', exit_code: 0, stdout: 'found 42\n' }])
  })

  test('runs nothing that the person refuses, and tells the model so', async () => {
    const { stdout, asked } = await loop(
      [{ calls: [command('rm -rf /srv/*'), command('touch /tmp/never')] }, { says: 'As you wish.' }],
      'n\n',
    )
    expect(stdout).toContain('risk: high')
    expect(toolAnswers(asked[1])).toEqual([
      { error: 'The person said no.' },
      { error: 'The person said no.' },
    ])
    expect((await system.client().commands.list({ q: '/tmp/never' })).commands).toEqual([])
  })

  test('shows what the model asks for without hidden characters', async () => {
    const { stdout } = await loop([{ calls: [command('echo a \u001b[2K\u202e hidden')] }], 'n\n')
    for (const hidden of ['\u001b', '\u202e']) expect(stdout).not.toContain(hidden)
  })

  test('answers a malformed call of the model with an error', async () => {
    const { code, asked } = await loop(
      [
        {
          calls: [{ name: 'run_command', arguments: '{"comm' }, command(7), { name: 'fly', arguments: '{}' }],
        },
      ],
      '',
    )
    expect(code).toBe(0)
    expect(toolAnswers(asked[1])).toHaveLength(3)
    for (const answer of toolAnswers(asked[1])) expect(answer).toMatchObject({ error: expect.any(String) })
  })

  function toolAnswers(asked: Asked | undefined): unknown[] {
    const messages: { role: string; content: string }[] = JSON.parse(asked?.text ?? '[]')
    return messages.filter(({ role }) => role === 'tool').map(({ content }) => JSON.parse(content))
  }
})

test('raw-trpc.mjs subscribes to the events with a stock client', async () => {
  const { code, stdout, stderr } = await example('raw-trpc.mjs', ['agent-1', 'echo hi'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const events = stdout
    .trim()
    .split('\n')
    .map((line): { type: string } => JSON.parse(line))
  expect(events.map(({ type }) => type)).toEqual([
    'command_response',
    'command_progress',
    'command_progress',
    'command_result',
  ])
})

test('raw-trpc.mjs prints the error of the controller', async () => {
  const { code, stderr } = await example('raw-trpc.mjs', ['nobody'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'Agent with ID nobody not found\n' })
})

describe('curl.sh', () => {
  test('runs a command, shows its output and exits with its code', async () => {
    const { code, stdout, stderr } = await example('curl.sh', [
      'agent-1',
      `printf '%s\n' "a \\"b\\""; exit 3`,
    ])
    expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: 'a "b"\n', stderr: '' })
  })

  test('fails when the controller refuses the command', async () => {
    const { code, stdout } = await example('curl.sh', ['nobody', 'true'])
    expect(code).not.toBe(0)
    expect(stdout).not.toContain('line')
  })
})

test('examples/README.md names every example', () => {
  const names = readdirSync(`${repository}examples`).filter((name) => name !== 'README.md')
  for (const name of names) {
    const program = name.endsWith('.sh') ? 'sh' : 'node'
    expect(readRepository('examples/README.md')).toContain(`${program} examples/${name}`)
  }
})
