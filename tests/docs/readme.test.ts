import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { type Consumer, packedConsumer } from '../support/consumer.js'
import { until } from '../support/processes.js'
import { run } from '../support/program.js'
import { readRepository, sampleNamed, samplesOf } from '../support/samples.js'

/** Runs the README from top to bottom, as a reader would who copies it, in a project that has the packed tarball. */

const samples = samplesOf(readRepository('README.md'))
const typescript = ['sdk', 'events-typed', 'trpc', 'embed']
/** In this order, in one shell: what one sets, the next ones use. */
const shell = [
  ...[
    'token',
    'header',
    'agents',
    'execute',
    'execute-async',
    'events',
    'output',
    'cancel',
    'history',
    'analyze',
    'problem',
  ],
  ...['cli', 'agent-account'],
]
const others = ['from-nothing', 'start', 'agent']

let consumer: Consumer
let started: BackgroundProgram
let url = ''

beforeAll(async () => {
  consumer = packedConsumer()
  // The one place where a sample is changed: the package is installed here, not checked out, and built already.
  const start = codeOf('start').replace('npm start', 'exec node_modules/.bin/ogent start')
  started = new BackgroundProgram('bash', ['-c', start], { cwd: consumer.path, env: { PORT: '0' } })
  url = await started.line(/^Ogent controller on (\S+)$/)
  await until('the local agent is there', () => isConnected('local'))
  await runInOneShell()
}, 60_000)

afterAll(async () => {
  await started?.stop()
  consumer?.[Symbol.dispose]()
}, 30_000)

test('every block of the README is run or compared here', () => {
  expect(samples.filter(({ kind }) => kind === 'unnamed')).toEqual([])
  const named = samples.filter(({ kind }) => kind === 'sample').map(({ name }) => name)
  expect(named.sort()).toEqual([...typescript, ...shell, ...others].sort())
})

test('the two commands from a clean checkout are what continuous integration runs', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readRepository('package.json'))
  const ci = readRepository('.ci/run')
  const words = sampleNamed(samples, 'from-nothing')
    .code.trim()
    .split(/\n| && /)
  expect(new Set(words)).toEqual(new Set(['npm ci', 'npm run demo', 'npm test']))
  for (const word of new Set(words)) expect(ci, word).toContain(word)
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test', 'start']))
})

test('npm start is the start that the rest of this file runs on', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readRepository('package.json'))
  expect(scripts.start).toMatch(/ node dist\/cli\/main\.js start$/)
})

describe('over HTTP, by curl', () => {
  test.each(shell)('the sample %s runs without an error', (name) => {
    expect(outputOf(name)).toMatchObject({ code: 0, stderr: name === 'cli' ? 'careful\n' : '' })
  })

  test.each(samples.filter(({ kind }) => kind === 'reply').map(({ name }) => name))(
    'the reply shown for %s has the shape of the real one',
    (name) => {
      const shown: unknown = JSON.parse(codeOf(name, 'reply'))
      const real: unknown = JSON.parse(outputOf(name).stdout)
      expect(shapeOf(real)).toEqual(shapeOf(shown))
    },
  )

  test('the command that was waited for says hello', () => {
    expect(JSON.parse(outputOf('execute').stdout)).toMatchObject({
      status: 'success',
      result: { exit_code: 0, stdout: 'Hello, World!\n', target: 'local' },
    })
  })

  test('the command that was not waited for is watched and read to its end', () => {
    const events = outputOf('events').stdout.split('\n\n').filter(Boolean)
    expect(events[0]).toMatch(/^id: 1\nevent: command_response\ndata: \{/)
    expect(events.at(-1)).toMatch(/^id: \d+\nevent: command_result\ndata: .*"status":"success"/)
    expect(outputOf('output').stdout).toBe('line 1\nline 2\nline 3\n')
  })

  test('the history has every command, newest first', () => {
    const [detail = '', page = ''] = outputOf('history').stdout.split(/(?<=\})(?=\{"commands")/)
    expect(JSON.parse(detail)).toMatchObject({ command_id: 'count-1', result: { exit_code: 0 } })
    const ids = (JSON.parse(page) as { commands: { command_id: string }[] }).commands.map(
      (one) => one.command_id,
    )
    expect(ids.slice(0, 2)).toEqual(['nap-1', 'count-1'])
  })
})

describe('from TypeScript', () => {
  test('all samples type-check as strictly as can be', async () => {
    await consumer.compile(Object.fromEntries(typescript.map((name) => [name, codeOf(name)])), {
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      noImplicitReturns: true,
    })
  })

  test('the SDK sample streams, and tells the exit code', async () => {
    expect(await runCompiled('sdk')).toEqual({ code: 0, stdout: 'one\ntwo\nerror 3\n', stderr: '' })
  })

  test('the sample of events tells them apart', async () => {
    const { stdout, ...rest } = await runCompiled('events-typed')
    expect(rest).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^admin asked local\nruns as process \d+\n/)
    for (const said of [
      '/tmp\n',
      'GREETING=hello\n',
      'from afar\n',
      'stderr at 0: careful\n',
      'success after ',
    ]) {
      expect(stdout).toContain(said)
    }
    expect(stdout).toMatch(/COMMAND_ENDED\n\[ 'local is connected' \]\n$/)
  })

  test('a stock tRPC client follows a command to its end', async () => {
    const { code, stdout, stderr } = await runCompiled('trpc')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^stock-1:\d+ live\nstock-1:\d+ and done\nstock-1:\d+ success 0\n$/)
  })

  test('a controller and an agent live inside a program, and leave it free to end', async () => {
    const { code, stdout } = await runCompiled('embed')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'from within\n' })
  })
})

describe('from a shell', () => {
  test('ogent run keeps streams, words and exit codes', () => {
    const { stdout } = outputOf('cli')
    expect(stdout).toMatch(/^AGENT +STATUS +HOST +SYSTEM +LABELS\nlocal +connected /)
    expect(stdout).toMatch(/Hello, World!\n\/tmp\nexit code 7\nfrom afar\nrisk: low /)
    expect(stdout).toContain('grep -c error < app.log')
  })

  test('a further agent logs in with the account that was made for it', async () => {
    expect(outputOf('agent-account').stdout).toMatch(/^USER +ROLE\n(.*\n)*agents +agent\n/)
    await using agent = new BackgroundProgram('bash', ['-c', codeOf('agent')], { cwd: consumer.path })
    await until('web-1 is there', () => isConnected('web-1'))
    const [found] = (await agents()).filter(({ agent_id }) => agent_id === 'web-1')
    expect(found?.labels).toEqual({ env: 'prod', role: 'web' })
    await agent.stop()
  })

  test('Ctrl-C ends what npm start started', async () => {
    expect(await started.stop()).toBe(0)
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })
})

/** A sample with the address of this run in it. */
function codeOf(name: string, kind: 'sample' | 'reply' = 'sample'): string {
  return sampleNamed(samples, name, kind).code.replaceAll('localhost:8001', url.replace('http://', ''))
}

async function runInOneShell(): Promise<void> {
  mkdirSync(join(consumer.path, 'said'))
  const steps = shell.map(
    (name) => `{\n${codeOf(name)}} > said/${name}.out 2> said/${name}.err\necho $? > said/${name}.code`,
  )
  writeFileSync(join(consumer.path, 'readme.sh'), `set -u\n${steps.join('\n')}\n`)
  await run('bash', ['readme.sh'], { cwd: consumer.path, timeoutMs: 50_000 })
}

function outputOf(name: string): { code: number; stdout: string; stderr: string } {
  const read = (part: string) => readFileSync(join(consumer.path, 'said', `${name}.${part}`), 'utf8')
  return { code: Number(read('code')), stdout: read('out'), stderr: withoutNpm(read('err')) }
}

/** npm has opinions about the settings of whoever runs this. */
function withoutNpm(text: string): string {
  return text.replaceAll(/^npm (warn|notice).*\n/gm, '')
}

function runCompiled(name: string) {
  return run(process.execPath, [`${name}.js`], { cwd: consumer.path })
}

async function agents(): Promise<{ agent_id: string; status: string; labels: object }[]> {
  const body = new URLSearchParams({ username: 'admin', password: 'choose-a-password' })
  const login = await fetch(`${url}/token`, { method: 'POST', body })
  const { access_token } = (await login.json()) as { access_token: string }
  const reply = await fetch(`${url}/agents`, { headers: { authorization: `Bearer ${access_token}` } })
  return (await reply.json()) as { agent_id: string; status: string; labels: object }[]
}

async function isConnected(agent_id: string): Promise<boolean> {
  return (await agents()).some((agent) => agent.agent_id === agent_id && agent.status === 'connected')
}

/** Optional fields, which an agent may leave out. */
const optional = ['ssh_status', 'ssh_error']

/** The same value with every text, number and null by its kind; null and text are one, as documented values vary. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([key]) => !optional.includes(key))
    return Object.fromEntries(fields.map(([key, item]) => [key, shapeOf(item)]))
  }
  return value === null || typeof value === 'string' ? 'text' : typeof value
}
