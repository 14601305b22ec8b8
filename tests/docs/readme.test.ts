import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { Document, shapeOf, Workplace } from '../support/document.js'
import { until } from '../support/processes.js'
import { readRepository, sampleNamed, samplesOf } from '../support/samples.js'

/** Runs the README, then docs/tour.md, each from top to bottom, as a reader would who copies it, in a project that has the packed tarball. */

const samples = samplesOf(readRepository('docs/tour.md'))
const readmeShell = ['cli', 'curl']
const readmeOthers = ['from-nothing', 'start']
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
const others = ['agent']

let workplace: Workplace
let readme: Document
let tour: Document

beforeAll(async () => {
  workplace = await Workplace.start()
  readme = new Document('README.md', workplace)
  await readme.runInOneShell(readmeShell)
  tour = new Document('docs/tour.md', workplace)
  await tour.runInOneShell(shell)
}, 600_000)
afterAll(() => workplace?.[Symbol.asyncDispose](), 300_000)

test('the README has 200 lines or fewer', () => {
  expect(readRepository('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200)
})

test('every block of the README is run by this file', () => {
  const blocks = samplesOf(readRepository('README.md'))
  expect(blocks.filter(({ kind }) => kind !== 'sample')).toEqual([])
  expect(blocks.map(({ name }) => name).sort()).toEqual(['sdk', ...readmeShell, ...readmeOthers].sort())
})

describe('the README', () => {
  test('shows that ogent run keeps streams, words and exit codes', () => {
    const { code, stdout, stderr } = readme.outputOf('cli')
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'careful\n' })
    expect(stdout).toMatch(/^AGENT +STATUS +HOST +SYSTEM +LABELS\nlocal +connected /)
    expect(stdout).toMatch(/Hello, World!\n\/tmp\nexit code 7\nfrom afar\nrisk: low /)
  })

  test('runs a command by curl and gets its result', () => {
    const { code, stdout, stderr } = readme.outputOf('curl')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'success',
      result: { exit_code: 0, stdout: 'Hello, World!\n' },
    })
  })

  test('has an SDK sample that type-checks, streams and gives the exit code', async () => {
    await readme.compile(['sdk'])
    expect(await readme.runCompiled('sdk')).toEqual({ code: 0, stdout: 'one\ntwo\nerror 3\n', stderr: '' })
  })
})

test('every block of the tour is run or compared by this file', () => {
  expect(samples.filter(({ kind }) => kind === 'unnamed')).toEqual([])
  const shown = samples.filter(({ kind }) => kind === 'shown')
  expect(shown.map(({ code }) => code)).toEqual([readme.code('start')])
  const named = samples.filter(({ kind }) => kind === 'sample').map(({ name }) => name)
  expect(named.sort()).toEqual([...typescript, ...shell, ...others].sort())
})

test('continuous integration runs the two commands that the README gives for a clean checkout', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readRepository('package.json'))
  const ci = readRepository('.ci/run')
  const words = sampleNamed(samplesOf(readRepository('README.md')), 'from-nothing')
    .code.trim()
    .split(/\n| && /)
  expect(new Set(words)).toEqual(new Set(['npm ci', 'npm run demo', 'npm test']))
  for (const word of new Set(words)) expect(ci, word).toContain(word)
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['demo', 'test', 'start']))
})

test('npm start is the start that the rest of this file uses', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readRepository('package.json'))
  expect(scripts.start).toMatch(/ node dist\/cli\/main\.js start$/)
})

describe('the tour, over HTTP by curl,', () => {
  test.each(shell)('has the sample %s, which runs without an error', (name) => {
    expect(tour.outputOf(name)).toMatchObject({ code: 0, stderr: name === 'cli' ? 'careful\n' : '' })
  })

  test.each(samples.filter(({ kind }) => kind === 'reply').map(({ name }) => name))(
    'shows a reply for %s that has the shape of the real one',
    (name) => {
      const shown: unknown = JSON.parse(tour.code(name, 'reply'))
      const real: unknown = JSON.parse(tour.outputOf(name).stdout)
      expect(shapeOf(real)).toEqual(shapeOf(shown))
    },
  )

  test('runs a command that says hello, and waits for it', () => {
    expect(JSON.parse(tour.outputOf('execute').stdout)).toMatchObject({
      status: 'success',
      result: { exit_code: 0, stdout: 'Hello, World!\n', target: 'local' },
    })
  })

  test('starts a command without waiting, and reads it to its end', () => {
    const events = tour.outputOf('events').stdout.split('\n\n').filter(Boolean)
    expect(events[0]).toMatch(/^id: 1\nevent: command_response\ndata: \{/)
    expect(events.at(-1)).toMatch(/^id: \d+\nevent: command_result\ndata: .*"status":"success"/)
    expect(tour.outputOf('output').stdout).toBe('line 1\nline 2\nline 3\n')
  })

  test('lists the history with every command, newest first', () => {
    const [detail = '', page = ''] = tour.outputOf('history').stdout.split(/(?<=\})(?=\{"commands")/)
    expect(JSON.parse(detail)).toMatchObject({ command_id: 'count-1', result: { exit_code: 0 } })
    const ids = (JSON.parse(page) as { commands: { command_id: string }[] }).commands.map(
      (one) => one.command_id,
    )
    expect(ids.slice(0, 2)).toEqual(['nap-1', 'count-1'])
  })
})

describe('the tour, from TypeScript,', () => {
  test('has samples that type-check under strict options', async () => {
    await tour.compile(typescript)
  })

  test('streams output and gets the exit code', async () => {
    expect(await tour.runCompiled('sdk')).toEqual({ code: 0, stdout: 'one\ntwo\nerror 3\n', stderr: '' })
  })

  test('distinguishes the types of events', async () => {
    const { stdout, ...rest } = await tour.runCompiled('events-typed')
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

  test('follows a command to its end with a stock tRPC client', async () => {
    const { code, stdout, stderr } = await tour.runCompiled('trpc')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^stock-1:\d+ live\nstock-1:\d+ and done\nstock-1:\d+ success 0\n$/)
  })

  test('runs a controller and an agent inside a program, which can then end', async () => {
    const { code, stdout } = await tour.runCompiled('embed')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'from within\n' })
  })
})

describe('the tour, from a shell,', () => {
  test('keeps streams, words and exit codes with ogent run', () => {
    const { stdout } = tour.outputOf('cli')
    expect(stdout).toMatch(/^AGENT +STATUS +HOST +SYSTEM +LABELS\nlocal +connected /)
    expect(stdout).toMatch(/Hello, World!\n\/tmp\nexit code 7\nfrom afar\nrisk: low /)
    expect(stdout).toContain('grep -c error < app.log')
  })

  test('connects another agent with an account of its own', async () => {
    expect(tour.outputOf('agent-account').stdout).toMatch(
      /^agents has the role agent, in .*\.\nUSER +ROLES\n(.*\n)*agents +agent\n/,
    )
    await using agent = new BackgroundProgram('bash', ['-c', tour.code('agent')], {
      cwd: workplace.consumer.path,
      env: workplace.env,
    })
    await until('web-1 is there', () => workplace.isConnected('web-1'))
    const [found] = (await workplace.agents()).filter(({ agent_id }) => agent_id === 'web-1')
    expect(found?.labels).toEqual({ env: 'prod', role: 'web' })
    await agent.stop()
  })

  test('ends what npm start has started at Ctrl-C', async () => {
    expect(await workplace.started.stop()).toBe(0)
    await expect(fetch(`${workplace.url}/health`)).rejects.toThrow()
  })
})
