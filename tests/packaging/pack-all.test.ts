import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { accounts, type System, startSystem } from '../support/system.js'

const { version }: { version: string } = JSON.parse(readRepository('package.json'))
/** Where npm keeps what it has fetched before; `npm test` hands it down. */
const { npm_config_cache = '' } = process.env
const MB = 1_000_000

const folder = temporaryFolder('ogent-pack-all-')
let system: System
beforeAll(async () => {
  system = await startSystem()
  const args = ['packaging/pack-all.mjs', '--built', '--destination', folder.path]
  const packed = await run(process.execPath, args, { cwd: repository })
  expect(packed.code, packed.stderr).toBe(0)
})
afterAll(async () => {
  await system?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** An empty project that has installed one of the tarballs, by npm and its registry, and nothing else. */
async function installed(part: 'client' | 'agent') {
  const path = join(folder.path, part)
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), '{"name":"empty","private":true,"type":"module"}')
  const args = ['install', join(folder.path, `ogent-${part}-${version}.tgz`), '--ignore-scripts']
  const { code, stderr } = await run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: path,
    ...(npm_config_cache === '' ? {} : { env: { npm_config_cache } }),
  })
  expect(code, stderr).toBe(0)
  const bytes = sizeOf(join(path, 'node_modules'))
  console.log(`@ogent/${part} installed: ${(bytes / MB).toFixed(1)} MB`)
  return { path, bytes, has: (name: string) => existsSync(join(path, 'node_modules', name)) }
}

test('all three tarballs are of one version and one build', () => {
  const names = readdirSync(folder.path).filter((name) => name.endsWith('.tgz'))
  const expected = ['ogent', 'ogent-agent', 'ogent-client'].map((name) => `${name}-${version}.tgz`)
  expect(names.sort()).toEqual(expected.sort())
  const fileIn = (name: string, path: string) =>
    execFileSync('tar', ['-xzOf', join(folder.path, `${name}-${version}.tgz`), `package/${path}`]).toString()
  expect(fileIn('ogent-client', 'dist/client/index.js')).toBe(fileIn('ogent', 'dist/client/index.js'))
  expect(fileIn('ogent-agent', 'dist/agent/app.js')).toBe(fileIn('ogent', 'dist/agent/app.js'))
  expect(fileIn('ogent', 'npm-shrinkwrap.json')).toContain('"lockfileVersion"')
  expect(existsSync(join(repository, 'npm-shrinkwrap.json'))).toBe(false)
})

describe('@ogent/client', () => {
  test('takes 20 MB at most, with nothing of the server, and runs a command', async () => {
    const project = await installed('client')
    expect(project.bytes).toBeLessThanOrEqual(20 * MB)
    for (const name of ['typescript', 'fastify', 'lmdb', 'ssh2', 'pino'])
      expect(project.has(name)).toBe(false)
    const { username, password } = accounts.operator
    const code = `
      import { createOgentClient } from '@ogent/client'
      import { OgentError } from '@ogent/client/shared'
      const ogent = createOgentClient(${JSON.stringify({ url: system.url, username, password })})
      const result = await ogent.execute({ agent_id: 'agent-1', command: 'echo by the client; exit 4' })
      const missing = await ogent.execute({ agent_id: 'nobody', command: 'true' }).then(() => {}, (error) => error)
      console.log(JSON.stringify([result.stdout, result.exit_code, missing instanceof OgentError]))
      await ogent.close()`
    const ran = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: project.path })
    expect(ran).toEqual({ code: 0, stdout: '["by the client\\n",4,true]\n', stderr: '' })
    const source = `
      import { createOgentClient, type OgentClient } from '@ogent/client'
      export const ogent: OgentClient = createOgentClient({ url: 'http://x', username: 'a', password: 'b' })
      export async function first(): Promise<string> {
        const { stdout, exit_code } = await ogent.execute({ agent_id: 'a', command: 'true' })
        return stdout + (exit_code === null ? '' : exit_code.toFixed())
      }
      // @ts-expect-error: the types are those of the SDK, and not any.
      export const wrong: number = ogent.execute`
    writeFileSync(join(project.path, 'program.ts'), source)
    const compilerOptions = { strict: true, module: 'NodeNext', target: 'ES2022', types: [], noEmit: true }
    writeFileSync(
      join(project.path, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, skipLibCheck: false }, files: ['program.ts'] }),
    )
    const compiler = join(repository, 'node_modules/typescript/bin/tsc')
    const compiled = await run(process.execPath, [compiler, '-p', '.'], { cwd: project.path })
    expect(compiled).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

describe('@ogent/agent', () => {
  test('takes 40 MB at most, without LangChain, LMDB and OpenTelemetry, and runs a command', async () => {
    const project = await installed('agent')
    expect(project.bytes).toBeLessThanOrEqual(40 * MB)
    const others = ['langchain', '@langchain', 'lmdb', '@opentelemetry', 'typescript', 'fastify', 'ioredis']
    for (const name of others) expect(project.has(name), name).toBe(false)
    expect(project.has('koffi')).toBe(true)
    await using agent = new BackgroundProgram('npx', ['--no-install', 'ogent-agent'], {
      cwd: project.path,
      env: {
        HOME: project.path,
        CONTROLLER_URL: system.url,
        AGENT_USERNAME: accounts.agent.username,
        AGENT_PASSWORD: accounts.agent.password,
        AGENT_ID: 'of-its-package',
        AGENT_STATE_DIR: join(project.path, 'state'),
        // It is not installed: the agent says so, and works.
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      },
    })
    await agent.line(/"install":"npm install @opentelemetry\/api@\S+ .*OpenTelemetry is not installed/)
    await agent.line(/^(Ogent agent of-its-package) on /)
    const ran = await system.client().execute({ agent_id: 'of-its-package', command: 'echo by the agent' })
    expect(ran).toMatchObject({ status: 'success', stdout: 'by the agent\n' })
    const code = "console.log(typeof (await import('@ogent/agent')).createAgent)"
    const imported = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: project.path })
    expect(imported).toMatchObject({ code: 0, stdout: 'function\n' })
  })
})

test('what a part depends on is what it imports, in the versions of the whole', () => {
  const manifests = ['client', 'agent'].map((part) =>
    JSON.parse(readFileSync(join(folder.path, part, 'node_modules/@ogent', part, 'package.json'), 'utf8')),
  )
  const whole = JSON.parse(readRepository('package.json'))
  for (const { dependencies, optionalDependencies = {}, peerDependencies = {} } of manifests) {
    expect(Object.keys(dependencies).length).toBeGreaterThan(3)
    expect(whole.dependencies).toMatchObject(dependencies)
    expect(whole.optionalDependencies).toMatchObject({ ...optionalDependencies, ...peerDependencies })
  }
})

function sizeOf(path: string): number {
  const status = lstatSync(path)
  if (!status.isDirectory()) return status.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
