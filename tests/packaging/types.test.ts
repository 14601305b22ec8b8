import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Compiler, type Consumer, nodeTypes, typesConsumer } from '../support/consumer.js'

/** Has no types but those of the package, and of the libraries that they name: none of Node.js, none of ws. */
let consumer: Consumer
beforeAll(() => {
  consumer = typesConsumer()
}, 300_000)
afterAll(() => consumer[Symbol.dispose]())

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
  : T extends string | number | boolean | bigint | symbol | null | undefined | Date | Uint8Array | Error | AbortSignal ? false
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
type Request = Parameters<Client['execute']>[0]
type Listed = ReturnType<Client['commands']['list']>
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
  // The streams that stdin may be are the language's, in whose declarations there is an any.
  No<HasAny<Omit<Request, 'stdin'>>>, No<IsAny<Request['stdin']>>, No<HasAny<Parameters<Client['execute']>[1]>>,
  No<HasAny<Client['agents']>>,
  No<HasAny<Parameters<Client['commands']['list']>>>, No<HasAny<Awaited<Listed>>>, No<HasAny<Streamed<Listed>>>,
  No<IsAny<Client['trpc']>>, No<HasAny<Controller>>, No<HasAny<AgentHandle>>,
  Yes<Equal<Exclude<Inputs['commands']['list'], void | undefined>['limit'], string | number | undefined>>,
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
  await using disposed = createOgentClient({ url: controller.url, token: 'token' })
  await using ended = disposed.execute({ agent_id: 'a', command: 'true' })
  console.log(ended.command_id)
  createOgentClient({ url: controller.url, token: 'token', fetch, proxy: false })
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

/** TypeScript's own libraries are its own affair, and much to check. */
const whole = { noEmit: true, skipLibCheck: false, skipDefaultLibCheck: true }
const nodeNext = { ...whole, module: 'NodeNext', moduleResolution: 'NodeNext' }
/** As for a web page. */
const bundler = { ...whole, module: 'ESNext', moduleResolution: 'bundler', lib: ['ES2022', 'DOM'] }

describe('a project without other types compiles, with the declarations of all packages checked,', () => {
  const ways: [way: string, options: Record<string, unknown>][] = [
    ['NodeNext', nodeNext],
    ['Bundler', bundler],
  ]
  const compilers: [version: string, compiler: Compiler][] = [
    ['5.9', 'typescript-5-9'],
    ['7', 'typescript'],
  ]

  describe.each(compilers)('with TypeScript %s', (_version, compiler) => {
    test.each(ways)('under %s', async (_way, options) => {
      expect(await consumer.objections({ types }, options, compiler)).toEqual([])
    })
  })

  test('with TypeScript 5.6 under NodeNext, except for what @trpc uses of 5.7', async () => {
    const objections = await consumer.objections({ types }, nodeNext, 'typescript-5-6')
    const ofTrpc = /^node_modules\/@trpc\/.*: error TS2315: Type 'Uint8Array' is not generic\.$/
    expect(objections.filter((line) => !ofTrpc.test(line))).toEqual([])
    // When there are none any more, it need not be told of in docs/sdk.md.
    expect(objections).not.toEqual([])
  })

  test('with TypeScript 5.6 under Bundler when it skips the declarations of libraries', async () => {
    const options = { ...bundler, skipLibCheck: true }
    expect(await consumer.objections({ types }, options, 'typescript-5-6')).toEqual([])
  })

  test('unless its code is wrong', async () => {
    const wrong =
      "import type { Agent } from 'ogent/client'\nexport const id = (agent: Agent): number => agent.agent_id"
    expect(await consumer.objections({ wrong }, nodeNext, 'typescript')).toEqual([
      expect.stringMatching(/^wrong\.ts\(2,.*TS2322/),
    ])
    const node = "import { request } from 'node:http'\nexport { request }"
    expect(await consumer.objections({ node }, nodeNext, 'typescript')).toHaveLength(1)
  })
})

describe('the types of a consumer', () => {
  test('take little work of the type-checker', async () => {
    const figures = await consumer.compile({ types }, { noEmit: true, skipLibCheck: true })
    const instantiations = Number(figures.match(/^Instantiations:\s+(\d+)/m)?.[1])
    console.log(`The type-checker makes ${instantiations} instantiations for a consumer's project`)
    // Less than three seconds on the slowest machine that was tried. Counted, since a time says as much of the machine.
    expect(instantiations).toBeLessThan(100_000)
  })

  test('check for a program of Node.js without the DOM as well', async () => {
    using withNode = typesConsumer(nodeTypes)
    // The declarations of @trpc name types of the DOM, so they are not checked here.
    await withNode.compile(
      { types },
      { noEmit: true, types: ['node'], lib: ['ES2023', 'ESNext.Disposable'], skipLibCheck: true },
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
})
