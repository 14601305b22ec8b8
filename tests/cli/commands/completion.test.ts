import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configOf, ogent } from '../../support/ogent.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'
import { needs } from '../../support/services.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
let bin = ''
beforeAll(async () => {
  system = await startSystem({ agent: { AGENT_LABELS: { role: 'web' } } })
  await system.addAgent('site:agent-2')
  await system.client().execute({ agent_id: 'agent-1', command_id: 'done-1', command: 'true' })
  for (const [name, url] of [
    ['there', 'http://127.0.0.1:1'],
    ['here', system.url],
  ] as const) {
    expect((await ogent(system, ['context', 'add', name, '--url', url])).code).toBe(0)
  }
  bin = join(system.folder, 'bin')
  mkdirSync(bin)
  chmodSync(`${repository}dist/cli/main.js`, 0o755)
  symlinkSync(`${repository}dist/cli/main.js`, join(bin, 'ogent'))
})
afterAll(() => system[Symbol.asyncDispose]())

async function candidates(...words: string[]): Promise<string[]> {
  const { stdout } = await ogent(system, ['__complete', '--', ...words])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '')
}

describe('the completion', () => {
  test.each([
    [['ag'], ['agent', 'agents']],
    [
      ['run', '--con'],
      ['--controller', '--connected', '--concurrency'],
    ],
    [
      ['run', 'agent-1', '--target', ''],
      ['auto', 'local', 'ssh'],
    ],
    [
      ['run', ''],
      ['agent-1', 'site:agent-2'],
    ],
    [['run', 'agent-1,'], ['agent-1,site:agent-2']],
    [['run', '--label', ''], ['role=web']],
    [['history', '--agent', 'ag'], ['agent-1']],
    [['history', '--status', 'ti'], ['timeout']],
    [['run', '--target=l'], ['--target=local']],
    [['run', '--label=role='], ['--label=role=web']],
    [['history', '--agent=ag'], ['--agent=agent-1']],
    [['run', '--all=x'], []],
    [['show', 'do'], ['done-1']],
    [['cancel', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['run', 'agent-1', '--', 'ag'], []],
    [['nonsense', ''], []],
    [['--u'], ['--url', '--username']],
    [['--username', ''], []],
    [['--username', 'olga', 'hist'], ['history']],
    [['--username=olga', 'show', 'do'], ['done-1']],
    [['--url', 'http://127.0.0.1:1', 'show', 'do'], []],
  ])('after %j is %j', async (words, expected) => {
    expect(await candidates(...words)).toEqual(expected)
  })

  test('contains no agents, and prints no error, when there is no login', async () => {
    expect(await ogent(system, ['__complete', '--', 'run', ''], { as: 'nobody' })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })

  test('does not offer the hidden subcommand', async () => {
    expect(await candidates('')).not.toContain('__complete')
    expect((await ogent(system, ['--help'])).stdout).not.toContain('__complete')
  })
})

/** What a shell prints that has loaded its script. */
async function inShell(shell: string, args: string[], code: string): Promise<string[]> {
  const { username, password } = accounts.operator
  const { stdout, stderr } = await run(shell, [...args, '-c', code], {
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: system.folder,
      XDG_CONFIG_HOME: configOf(system),
      OGENT_URL: system.url,
      OGENT_USERNAME: username,
      OGENT_PASSWORD: password,
    },
  })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

describe('the completion script', () => {
  const bash = (line: string) =>
    inShell(
      'bash',
      ['--norc'],
      `eval "$(ogent completion bash)"; COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _ogent; printf '%s\\n' "\${COMPREPLY[@]}"`,
    )

  test('of bash completes words, also those that bash itself splits', async () => {
    expect(await bash('ogent ag')).toEqual(['agent', 'agents'])
    expect(await bash('ogent run ')).toEqual(['agent-1', 'site:agent-2'])
    expect(await bash('ogent run site:ag')).toEqual(['agent-2'])
    expect(await bash('ogent run --label role=')).toEqual(['web'])
    expect(await bash('ogent run --target=l')).toEqual(['local'])
    expect(await bash('ogent run --label=role=w')).toEqual(['web'])
    expect(await bash('ogent history --agent=site:')).toEqual(['agent-2'])
  })

  test.skipIf(needs('zsh'))('of zsh completes words, with a description of each', async () => {
    const zsh = (words: string) =>
      inShell(
        'zsh',
        ['-f'],
        `eval "$(ogent completion zsh)"; _describe() { print -rl -- "\${(@P)2}" }; _files() { print files }; words=(${words}); CURRENT=$#words; _ogent`,
      )
    expect((await zsh('ogent ag'))[0]).toMatch(/^agent:Run an agent/)
    expect((await zsh("ogent run ''")).map((line) => line.replace(/, .*/, ''))).toEqual([
      'agent-1:connected',
      'site\\:agent-2:connected',
    ])
    expect(await zsh("ogent run agent-1 -- ''")).toEqual(['files'])
    expect(await zsh('ogent run --target=l')).toEqual(['--target=local:'])
  })

  test.skipIf(needs('fish'))('of fish completes words, with a description of each', async () => {
    const fish = (line: string) =>
      inShell('fish', ['--no-config'], `ogent completion fish | source; complete -C '${line}'`)
    expect((await fish('ogent ag'))[0]).toMatch(/^agent\tRun an agent/)
    expect((await fish('ogent run a')).map((line) => line.replace(/,.*/, ''))).toEqual(['agent-1\tconnected'])
    expect((await fish('ogent run --target=l')).map((line) => line.trim())).toEqual(['--target=local'])
    expect((await fish('ogent history --agent=a')).map((line) => line.replace(/\t.*/, ''))).toEqual([
      '--agent=agent-1',
    ])
  })

  test('of an unknown shell is a usage error', async () => {
    expect((await ogent(system, ['completion', 'tcsh'])).code).toBe(64)
  })
})
