import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Consumer, packedConsumer } from '../support/consumer.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'

let consumer: Consumer
beforeAll(() => {
  consumer = packedConsumer()
}, 300_000)
afterAll(() => consumer[Symbol.dispose]())

const { version }: { version: string } = JSON.parse(readRepository('package.json'))

describe('the tarball', () => {
  test('holds the built package and its documents, and nothing else', () => {
    const others = consumer.files.filter((file) => !/^(dist|docs|examples)\//.test(file))
    expect(others.sort()).toEqual([
      '.env.example',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'package.json',
      'packaging/systemd/ogent-agent-cgroups.conf',
      'packaging/systemd/ogent-agent-sudo.conf',
      'packaging/systemd/ogent-agent.service',
      'packaging/systemd/ogent-controller.service',
    ])
    const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`
    const { size, unpackedSize } = consumer
    console.log(
      `The tarball: ${kilobytes(size)}, ${kilobytes(unpackedSize)} unpacked, ${consumer.files.length} files`,
    )
    expect(unpackedSize).toBeLessThan(3_000_000)
    expect(consumer.files.filter((file) => !/\.(js|d\.ts)$/.test(file) && file.startsWith('dist/'))).toEqual(
      [],
    )
    expect(consumer.files.filter((file) => /test|spec|fixture|\.env$/.test(file))).toEqual([])
  })

  test('holds all that its README links to, and whole guides and examples', () => {
    const links = [...readRepository('README.md').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(
      ([, path]) => path,
    )
    expect(links.length).toBeGreaterThan(5)
    for (const path of links) expect(consumer.files, path).toContain(path)
    for (const folder of ['docs', 'examples']) {
      const here = readdirSync(`${repository}${folder}`).map((name) => `${folder}/${name}`)
      expect(consumer.files.filter((file) => file.startsWith(`${folder}/`)).sort()).toEqual(here.sort())
    }
  })

  test('every path that package.json names is there', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(join(consumer.path, 'node_modules/ogent/package.json'), 'utf8'),
    )
    const { exports, bin, browser } = manifest as Record<string, unknown>
    const named = JSON.stringify([exports, bin, browser]).match(/(?<=")(\.\/)?dist\/[^"]+/g) ?? []
    expect(named.length).toBeGreaterThan(10)
    for (const path of named) expect(consumer.files, path).toContain(path.replace('./', ''))
  })

  test('its program says its version and what it can do', async () => {
    const npx = (...args: string[]) => run('npx', ['--no-install', 'ogent', ...args], { cwd: consumer.path })
    expect(await npx('--version')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`ogent/${version} `),
    })
    const help = await npx('--help')
    expect(help.code).toBe(0)
    for (const command of ['controller', 'agent', 'run ', 'agents', 'users']) {
      expect(help.stdout).toContain(command)
    }
  })

  test('every entry can be imported by a program that has only its dependencies', async () => {
    const names = ['client', 'server', 'agent', 'shared'].map((entry) => `ogent/${entry}`)
    const code = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0)`
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code], {
      cwd: consumer.path,
    })
    expect({ stdout, stderr }).toEqual({ stdout: names.map((name) => `${name} true\n`).join(''), stderr: '' })
  })
})

/** Asserts on types alone: it compiles, or the test fails with what the compiler says. */
const types = `
import { createAgent, type AgentHandle } from 'ogent/agent'
import {
  type Agent, type AgentEvent, type AppRouter, assertOk, type CommandEvent, type CommandOutcome, type CommandPage,
  createOgentClient, type ErrorCode, type OutputChunk, OgentError,
} from 'ogent/client'
import { type Controller, createController } from 'ogent/server'
import { type CommandRequest, commandEventSchema, commandRequestSchema, type Report } from 'ogent/shared'
import { createTRPCClient, httpBatchLink } from '@trpc/client'
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server'
import superjson from 'superjson'

type IsAny<T> = 0 extends 1 & T ? true : false
/** Whether a type has an any in it, some levels down. */
type HasAny<T, Depth extends unknown[] = []> =
  IsAny<T> extends true ? true
  : Depth['length'] extends 6 ? false
  : T extends (...args: infer A) => infer R ? true extends HasAny<A | R, [...Depth, 0]> ? true : false
  : T extends string | number | boolean | bigint | symbol | null | undefined | Date | Uint8Array | Error ? false
  : T extends readonly (infer Item)[] ? HasAny<Item, [...Depth, 0]>
  : T extends object ? true extends { [K in keyof T]-?: HasAny<T[K], [...Depth, 0]> }[keyof T] ? true : false
  : false
type No<T extends false> = T
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Yes<T extends true> = T

type Outputs = inferRouterOutputs<AppRouter>
type Inputs = inferRouterInputs<AppRouter>
type Client = ReturnType<typeof createOgentClient>
type Run = ReturnType<Client['execute']>
type Streamed<T> = T extends AsyncIterable<infer Item> ? Item : never

export type Checks = [
  // The check finds what it looks for.
  Yes<HasAny<{ a: { b: any }[] }>>,
  Yes<HasAny<(x: any) => void>>,
  No<HasAny<CommandEvent>>, No<HasAny<CommandOutcome>>, No<HasAny<Agent>>, No<HasAny<AgentEvent>>,
  No<HasAny<CommandPage>>, No<HasAny<OutputChunk>>, No<HasAny<CommandRequest>>, No<HasAny<Report>>,
  No<HasAny<Outputs['agents']['list']>>, No<HasAny<Streamed<Outputs['agents']['events']>>>, No<HasAny<Outputs['auth']>>,
  No<HasAny<Omit<Outputs['commands'], 'follow'>>>, No<HasAny<Streamed<Outputs['commands']['follow']>>>,
  No<IsAny<Outputs['execute']>>, No<HasAny<Streamed<Outputs['execute']>>>, No<HasAny<Streamed<Outputs['agentLink']>>>,
  No<HasAny<Inputs['execute']>>, No<HasAny<Inputs['commands']>>, No<HasAny<Inputs['agentLink']>>,
  No<HasAny<Awaited<Run>>>, No<HasAny<Streamed<Run>>>, No<HasAny<Streamed<Run['stdout']>>>,
  No<HasAny<Parameters<Client['execute']>>>, No<HasAny<Client['agents']>>, No<HasAny<Client['commands']['list']>>,
  No<IsAny<Client['trpc']>>, No<HasAny<Controller>>, No<HasAny<AgentHandle>>,
  Yes<Equal<Awaited<Run>, CommandOutcome>>,
  Yes<Equal<Streamed<Run>, CommandEvent>>,
]

export function narrows(event: CommandEvent): string {
  switch (event.type) {
    case 'command_response': {
      const status: 'pending' = event.status
      return status + event.requested_by
    }
    case 'command_progress':
      switch (event.state) {
        case 'started': return event.target
        case 'output': {
          const stream: 'stdout' | 'stderr' = event.stream
          return stream + event.data + event.offset
        }
        case 'cancel_requested': return event.requested_by
        case 'waiting': return event.reason
        case 'agent_lost':
        case 'agent_back': return event.timestamp
      }
    case 'command_result': {
      const code: number | null = event.result.exit_code
      return event.status + code
    }
  }
}

export async function uses(): Promise<ErrorCode | undefined> {
  const controller = await createController({ settings: { PORT: 0, COMMAND_GUARD: 'off' } })
  const agent = await createAgent({
    settings: { CONTROLLER_URL: controller.url, AGENT_USERNAME: 'a', AGENT_PASSWORD: 'b' },
  })
  const ogent = createOgentClient({ url: controller.url, token: async () => 'token' })
  const run = ogent.execute({ agent_id: agent.agent_id ?? 'a', command: 'true' })
  for await (const event of run) narrows(event)
  for await (const { data, stream } of run.output) narrows(commandEventSchema.parse({ data, stream }))
  try {
    assertOk(await run)
  } catch (error) {
    if (error instanceof OgentError) return error.code
  }
  // @ts-expect-error: a request names its agent.
  ogent.execute({ command: 'true' })
  // @ts-expect-error: such a target there is not.
  ogent.execute({ agent_id: 'a', command: 'true', execution_target: 'moon' })
  // @ts-expect-error: a name goes with a password.
  createOgentClient({ url: controller.url, username: 'a' })
  // @ts-expect-error: nothing is known of an event before its type is.
  for await (const event of run) console.log(event.result)
  const stock = createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: controller.url, transformer: superjson })] })
  const [first] = await stock.agents.list.query()
  const status: 'connected' | 'disconnected' | undefined = first?.status
  console.log(status, commandRequestSchema.parse({}).agent_id)
  return undefined
}
`

describe("a consumer's types", () => {
  test('check under strict and NodeNext, with the declarations of all packages checked too', async () => {
    await consumer.compile({ types }, { noEmit: true, skipLibCheck: false })
  })

  test('are little work for the type-checker', async () => {
    const figures = await consumer.compile({ types }, { noEmit: true, skipLibCheck: true })
    const instantiations = Number(figures.match(/^Instantiations:\s+(\d+)/m)?.[1])
    console.log(`The type-checker makes ${instantiations} instantiations for a consumer's project`)
    // Less than three seconds on the slowest machine that was tried. Counted, since a time says as much of the machine.
    expect(instantiations).toBeLessThan(100_000)
  })

  test('check for a program without the DOM as well', async () => {
    // @trpc/client's own declarations name a type of the DOM, so they are not checked here.
    await consumer.compile(
      { types },
      { noEmit: true, lib: ['ES2023', 'ESNext.Disposable'], skipLibCheck: true },
    )
  })

  test('check under the stricter options that projects turn on', async () => {
    const stricter = {
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
    }
    await consumer.compile({ types }, { noEmit: true, skipLibCheck: true, ...stricter })
  })

  test('check for a bundler as well', async () => {
    const bundler = { module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2023', 'DOM'] }
    await consumer.compile({ types }, { noEmit: true, skipLibCheck: true, ...bundler })
  })
})

describe('ogent/client in a browser', () => {
  test('is bundled without a part of Node.js', async () => {
    const { imports, code, modules } = await bundle('browser')
    console.log(`ogent/client for browsers: ${(code.length / 1000).toFixed(0)} kB, minified`)
    // Three times as much where one file on the way takes zod by `import { z }`, which no bundler can take apart.
    expect(code.length).toBeLessThan(200_000)
    expect(imports.filter(isBuiltin)).toEqual([])
    expect(imports).toEqual([])
    expect(modules.filter((id) => /node_modules\/(ws|fastify|lmdb|ssh2|pino)\//.test(id))).toEqual([])
    expect(modules.some((id) => id.endsWith('websocket-browser.js'))).toBe(true)
    expect(code).not.toMatch(/\bprocess\.|\bBuffer\./)
  })

  test('the check sees Node.js where it is: the same bundle for Node.js takes ws and its built-ins', async () => {
    const { imports, modules } = await bundle('node')
    expect(imports.filter(isBuiltin)).not.toEqual([])
    expect(modules.filter((id) => /node_modules\/ws\//.test(id))).not.toEqual([])
  })
})

async function bundle(platform: 'browser' | 'node') {
  const { metafile, outputFiles } = await build({
    entryPoints: [join(consumer.path, 'node_modules/ogent/dist/client/index.js')],
    absWorkingDir: consumer.path,
    bundle: true,
    format: 'esm',
    platform,
    metafile: true,
    minify: true,
    write: false,
    logLevel: 'silent',
  })
  const outputs = Object.values(metafile.outputs)
  return {
    modules: Object.keys(metafile.inputs),
    imports: outputs.flatMap(({ imports }) =>
      imports.filter(({ external }) => external).map(({ path }) => path),
    ),
    code: outputFiles.map(({ text }) => text).join('\n'),
  }
}

function isBuiltin(id: string): boolean {
  return id.startsWith('node:') || builtinModules.includes(id)
}
