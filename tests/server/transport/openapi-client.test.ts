import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { run } from '../../support/program.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

/** A client whose types openapi-typescript makes of the served document, as it comes, compiled and run as a user would. */

const PROGRAM = `
import createClient from 'openapi-fetch'
import type { components, paths } from './api.js'

declare const process: { argv: string[] }
const [, , baseUrl = '', username = '', password = ''] = process.argv

const api = createClient<paths>({ baseUrl })
const login = await api.POST('/token', {
  body: { username, password },
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
})
if (!login.data) throw new Error(login.error.title)
const { access_token } = login.data
api.use({
  onRequest({ request }) {
    request.headers.set('authorization', \`Bearer \${access_token}\`)
  },
})

const agents = await api.GET('/agents', { params: { query: { limit: 10 } } })
for (const agent of agents.data ?? []) console.log('agent', agent.agent_id, agent.status)

const path = { agent_id: 'agent-1' }
const ran = await api.POST('/agents/{agent_id}/execute', {
  params: { path },
  body: { command: 'echo $GREETING; exit 3', env: { GREETING: 'hello' } },
})
if (!ran.data || !('result' in ran.data)) throw new Error('There is no result.')
const { result, status }: components['schemas']['CommandOutcome'] = ran.data
console.log('ran', status, result.exit_code, result.stdout.trim())

const wrong = await api.POST('/agents/{agent_id}/execute', { params: { path }, body: { command: '' } })
if (!wrong.error || !('summary' in wrong.error)) throw new Error('It was not refused.')
for (const { loc, msg } of wrong.error.detail) console.log('refused', wrong.response.status, loc.join('.'), msg)

async function neverCalled() {
  // @ts-expect-error: a body has a command.
  await api.POST('/agents/{agent_id}/execute', { params: { path }, body: { env: {} } })
  // @ts-expect-error: seconds are a number.
  await api.POST('/agents/{agent_id}/execute', { params: { path }, body: { command: 'true', timeout_seconds: '3' } })
  // @ts-expect-error: such a path there is not.
  await api.GET('/agent')
}
export { neverCalled }
`

/** Bundled with TypeScript 5, whose API it uses: later versions have no such API. */
const GENERATOR = `
import { readFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
openapiTS(JSON.parse(readFileSync(process.argv[2], 'utf8'))).then((ast) => process.stdout.write(astToString(ast)))
`

describe('a client that openapi-typescript generates', () => {
  const folder = temporaryFolder()
  let system: System
  beforeAll(async () => {
    system = await startSystem()
    for (const name of ['openapi-fetch', 'openapi-typescript-helpers']) install(folder.path, name)
    writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder.path, 'program.ts'), PROGRAM)
    writeFileSync(join(folder.path, 'openapi.json'), await (await fetch(`${system.url}/openapi.json`)).text())
  })
  afterAll(async () => {
    await system[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  test('compiles under strict without a change, and runs', async () => {
    const api = await generate(folder.path)
    expect(api).toContain('"/agents/{agent_id}/execute"')
    writeFileSync(join(folder.path, 'api.ts'), api)
    expect(await compile(folder.path)).toBe('')

    const { username, password } = accounts.operator
    const args = [join(folder.path, 'program.js'), system.url, username, password]
    const { stdout, stderr } = await run(process.execPath, args, { cwd: folder.path })
    expect(stderr).toBe('')
    expect(stdout.trimEnd().split('\n')).toEqual([
      'agent agent-1 connected',
      'ran error 3 hello',
      'refused 422 body.command takes 1 byte to 128 KiB, got nothing',
    ])
  })
})

function install(path: string, name: string): void {
  const at = join(path, 'node_modules', name)
  mkdirSync(dirname(at), { recursive: true })
  cpSync(join(repository, 'node_modules', name), at, { recursive: true })
}

/** The types that it makes of openapi.json. */
async function generate(path: string): Promise<string> {
  const generator = join(path, 'generate.cjs')
  await build({
    stdin: { contents: GENERATOR, resolveDir: repository },
    absWorkingDir: repository,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    alias: { typescript: 'typescript-5-9' },
    outfile: generator,
    logLevel: 'error',
  })
  const { code, stdout, stderr } = await run(process.execPath, [generator, join(path, 'openapi.json')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

/** What the compiler says: nothing where it has no objection. */
async function compile(path: string): Promise<string> {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: 'ES2022',
    module: 'NodeNext',
    lib: ['ES2022', 'DOM', 'DOM.Iterable'],
    types: [],
    skipDefaultLibCheck: true,
  }
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  const tsc = join(repository, 'node_modules/typescript/bin/tsc')
  const { stdout, stderr } = await run(process.execPath, [tsc, '-p', path], { cwd: path })
  return `${stdout}${stderr}`
}
