import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Document, shapeOf, Workplace } from '../support/document.js'
import { readRepository, repository, samplesOf } from '../support/samples.js'
import { needsPython } from '../support/services.js'

/** Runs what the guides show, each guide from top to bottom, in a project that has the packed tarball. */

const guides = readdirSync(`${repository}docs`).filter((name) => name.endsWith('.md'))
/** Those that show what a reader does: every block of them says what becomes of it here. */
const runnable = guides.filter(
  (name) =>
    name !== 'tour.md' && // Run by readme.test.ts, which checks more of it.
    samplesOf(readRepository(`docs/${name}`)).some(({ kind }) => kind === 'sample'),
)

let workplace: Workplace
beforeAll(async () => {
  workplace = await Workplace.start()
}, 600_000)
afterAll(() => workplace?.[Symbol.asyncDispose](), 300_000)

test('the guides by task are among those with samples', () => {
  expect(runnable).toEqual(
    expect.arrayContaining([
      'cli.md',
      'install-agent.md',
      'operations.md',
      'quick-start.md',
      'raw-trpc.md',
      'rest.md',
      'sdk.md',
    ]),
  )
})

describe.each(runnable)('%s', (name) => {
  const samples = samplesOf(readRepository(`docs/${name}`))
  const ofKind = (kind: string) => samples.filter((sample) => sample.kind === kind)
  const shell = ofKind('sample').filter(({ language }) => language === 'bash')
  const typescript = ofKind('sample').filter(({ language }) => language === 'ts')
  let guide: Document
  beforeAll(async () => {
    guide = new Document(`docs/${name}`, workplace)
    if (shell.length > 0) await guide.runInOneShell(shell.map((sample) => sample.name))
    if (typescript.length > 0) await guide.compile(typescript.map((sample) => sample.name))
  }, 600_000)

  test('says of every block whether it is run', () => {
    expect(ofKind('unnamed').map(({ line }) => `line ${line}`)).toEqual([])
    expect(ofKind('sample').filter(({ language }) => !['bash', 'ts'].includes(language))).toEqual([])
  })

  test.for(ofKind('sample').map((sample) => sample.name))(
    'has the sample %s, which runs without an error',
    async (sample, { skip }) => {
      skip(sample === 'python' && needsPython('websockets'), 'the websockets of Python are not installed')
      const isShell = shell.some((one) => one.name === sample)
      const said = isShell ? guide.outputOf(sample) : await guide.runCompiled(sample)
      expect(said).toMatchObject({ code: 0, stderr: '' })
      if (ofKind('output').some((one) => one.name === sample)) {
        expect(said.stdout).toMatch(patternOf(guide.code(sample, 'output')))
      }
      for (const reply of ofKind('reply').filter((one) => one.name === sample)) {
        expect(shapeOf(JSON.parse(said.stdout))).toEqual(shapeOf(JSON.parse(reply.code)))
      }
    },
  )

  test('shows output only of samples that it has', () => {
    const names = ofKind('sample').map((sample) => sample.name)
    for (const shown of [...ofKind('output'), ...ofKind('reply')]) expect(names).toContain(shown.name)
  })
})

test.each([...guides.map((name) => `docs/${name}`), 'README.md', 'CONTRIBUTING.md', 'examples/README.md'])(
  'every relative link of %s leads to a file',
  (path) => {
    const links = [...readRepository(path).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(
      ([, target = '']) => target,
    )
    for (const target of links) expect(existsSync(join(repository, dirname(path), target)), target).toBe(true)
  },
)

test('docs/README.md lists every guide', () => {
  const index = readRepository('docs/README.md')
  for (const name of guides.filter((one) => one !== 'README.md'))
    expect(index).toContain(`](${normalize(name)})`)
})

test('docs/cli.md has every subcommand and option of the program', async () => {
  const { ogentProgram } = await import('../../src/cli/program.js')
  const page = readRepository('docs/cli.md')
  const program = ogentProgram('0', undefined, () => {})
  for (const command of program.commands.filter((one) => !one.name().startsWith('_'))) {
    expect(page).toContain(`ogent ${command.name()}`)
    // Settings are in .env.example, by their names.
    const options = command.options.filter(({ helpGroupHeading }) => helpGroupHeading !== 'Settings:')
    for (const { long } of options) expect(page, command.name()).toContain(long)
  }
})

/** Text as it is, … for what varies: a part of a line, or lines, where it stands alone. */
function patternOf(text: string): RegExp {
  const escaped = text.trimEnd().replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const pattern = escaped.replaceAll(/^…\n/gm, '(?:.*\n)*').replaceAll('…', '.*')
  return new RegExp(`^${pattern}\\n?$`)
}
