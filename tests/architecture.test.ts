import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAst } from 'vitest/node'
import { readRepository, repository } from './support/samples.js'

/** Who may import what. docs/architecture.md shows the same table, and is compared with it below. */
type Room = {
  /** A folder of src, or one file of it; the longest that fits a file is its room. */
  room: string
  /** Folders and files that it may import, besides its own. */
  may: string[]
  /** Packages and node: modules at home there; `node:*` for all of Node.js. */
  libraries: string[]
  /** Why the room is not what one would expect. */
  because?: string
}

const rooms: Room[] = [
  { room: 'shared', may: [], libraries: ['zod', 'superjson', 'fastest-levenshtein'] },
  {
    room: 'host',
    may: ['shared'],
    libraries: ['koffi', 'pino', 'zod', 'node:*'],
    because: 'what both roles and the CLI ask of the machine and the process; the SDK must not reach it',
  },
  {
    room: 'host/tracing',
    may: ['host', 'shared'],
    libraries: ['@opentelemetry/*'],
    because: 'both roles send traces; what that takes is loaded only where it is asked for',
  },
  { room: 'guard', may: ['shared'], libraries: ['unbash'] },
  {
    room: 'access',
    may: ['guard', 'shared'],
    libraries: ['unbash'],
    because: 'what a policy decides, pure, for controller, agent and CLI alike, as the guard is',
  },
  {
    room: 'audit',
    may: ['shared'],
    libraries: ['node:crypto'],
    because:
      'hashes, signatures and the verification of the audit, pure, for controller, agent and CLI alike',
  },
  {
    room: 'orders',
    may: ['audit', 'shared'],
    libraries: ['node:crypto'],
    because: 'what the signature of an order is over, pure, for controller and agent alike',
  },
  {
    room: 'guard/worker.ts',
    may: ['guard'],
    libraries: ['node:worker_threads'],
    because: 'the thread in which a controller and an agent read commands that take long',
  },
  {
    room: 'server/events.ts',
    may: ['shared'],
    libraries: [],
    because: 'what services publish and others subscribe to; it knows the words of shared and no capability',
  },
  {
    room: 'server/telemetry',
    may: ['server/events.ts', 'host/tracing', 'shared'],
    libraries: ['prom-client', 'lru-cache'],
  },
  {
    room: 'server/storage',
    may: ['server/telemetry', 'shared'],
    libraries: ['lmdb', 'ioredis', 'node:*'],
    because:
      'the environment of LMDB and the connection to Redis; what is kept in them is with its capability',
  },
  {
    room: 'server/transport',
    may: ['server/telemetry', 'shared'],
    libraries: [
      '@trpc/server',
      'fastify',
      '@fastify/*',
      'ws',
      'zod',
      'lru-cache',
      'rate-limiter-flexible',
      'node:*',
    ],
    because: 'it knows no capability: what it carries is handed to it',
  },
  {
    room: 'server/journal',
    may: ['server/events.ts', 'server/storage', 'server/telemetry', 'shared'],
    libraries: ['lmdb', 'lru-cache', 'node:fs', 'node:path'],
  },
  {
    room: 'server/cluster',
    may: ['server/events.ts', 'server/storage', 'server/telemetry', 'shared'],
    libraries: ['lru-cache'],
    because: 'owners, mailboxes and attendance by opaque keys; what an owner does is with its capability',
  },
  {
    room: 'server/access',
    may: [
      'access',
      'audit',
      'server/events.ts',
      'server/storage',
      'server/telemetry',
      'server/transport',
      'host',
      'shared',
    ],
    libraries: [
      'jose',
      'lmdb',
      'lru-cache',
      'rate-limiter-flexible',
      'zod',
      'fastify',
      '@fastify/formbody',
      'node:*',
    ],
  },
  {
    room: 'server/agents',
    may: [
      'server/cluster',
      'server/events.ts',
      'server/storage',
      'server/telemetry',
      'server/transport',
      'shared',
    ],
    libraries: ['lmdb', 'jose', 'zod', 'fastify', 'node:crypto', 'node:util'],
  },
  {
    room: 'server/analysis',
    may: ['server/agents', 'server/storage', 'server/telemetry', 'server/transport', 'shared'],
    libraries: [
      'langchain',
      '@langchain/core',
      '@langchain/openai',
      'lmdb',
      'zod',
      'fastify',
      'node:crypto',
      'node:module',
    ],
  },
  {
    room: 'server/commands',
    may: [
      'orders',
      'server/events.ts',
      'server/journal',
      'server/agents',
      'server/analysis',
      'server/cluster',
      'server/telemetry',
      'server/transport',
      'shared',
    ],
    libraries: ['lru-cache', 'zod', 'fastify', 'node:crypto'],
  },
  {
    room: 'server/event-socket',
    may: ['server/telemetry', 'server/transport', 'shared'],
    libraries: ['ws', 'zod'],
    because: 'plain JSON over the operations that it is handed, for clients that speak no tRPC',
  },
  {
    room: 'server/install',
    may: ['server/transport', 'shared'],
    libraries: ['fastify', 'node:*'],
    because: 'what a machine needs to get an agent: files that the build made, with routes of REST alone',
  },
  { room: 'server/config.ts', may: ['host', 'shared'], libraries: ['zod'] },
  {
    room: 'server/tls.ts',
    may: ['server/config.ts', 'server/telemetry', 'host', 'shared'],
    libraries: ['node:*'],
  },
  {
    room: 'server/stores.ts',
    may: ['audit', 'server/access', 'server/agents', 'server/analysis', 'server/cluster', 'server/journal'],
    libraries: [],
    because: 'what a store offers to all capabilities, by their ports',
  },
  {
    room: 'server/open-storage.ts',
    may: ['server', 'host', 'shared'],
    libraries: [],
    because: 'a part of app.ts: it opens what a controller keeps things in',
  },
  {
    room: 'server/open-redis-storage.ts',
    may: ['audit', 'server', 'shared'],
    libraries: [],
    because: 'the same for Redis, loaded only where REDIS_URL is set',
  },
  {
    room: 'server/kept-accounts.ts',
    may: ['server', 'host', 'shared'],
    libraries: ['node:*'],
    because: 'accounts are kept without a running controller',
  },
  {
    room: 'server/router.ts',
    may: [
      'server/access',
      'server/agents',
      'server/analysis',
      'server/commands',
      'server/install',
      'server/transport',
    ],
    libraries: [],
    because: 'a part of app.ts: the operations of all capabilities as one router, and as routes',
  },
  {
    room: 'server/app-router.ts',
    may: ['server/router.ts', 'server/transport'],
    libraries: ['@trpc/server'],
    because: "the router's type for clients, in a declaration that imports nothing of the server's libraries",
  },
  { room: 'server/app.ts', may: ['access', 'server', 'guard', 'host', 'shared'], libraries: ['node:*'] },
  { room: 'server/main.ts', may: ['server', 'host', 'shared'], libraries: ['node:*'] },
  { room: 'agent/commands', may: ['host', 'orders', 'shared'], libraries: ['node:*'] },
  {
    room: 'agent/executors',
    may: ['agent/commands/ports.ts', 'agent/config.ts', 'host', 'shared'],
    libraries: ['koffi', 'ssh2', 'node:*'],
  },
  {
    room: 'agent/link',
    may: ['agent/commands', 'client/transport', 'host', 'shared'],
    libraries: ['@trpc/client'],
  },
  { room: 'agent/host', may: ['host', 'shared'], libraries: ['node:*'] },
  {
    room: 'agent/enrolment',
    may: ['agent/commands/ports.ts', 'client/transport', 'host', 'shared'],
    libraries: ['zod', 'node:*'],
    because: "the agent's key and what it proves with it; link asks it for tokens by a port",
  },
  {
    room: 'agent/config.ts',
    may: ['agent/enrolment/key-file.ts', 'host', 'shared'],
    libraries: ['zod', 'node:*'],
  },
  { room: 'agent/app.ts', may: ['agent', 'guard', 'host', 'orders', 'shared'], libraries: ['node:*'] },
  { room: 'agent/main.ts', may: ['agent', 'host', 'shared'], libraries: ['node:*'] },
  {
    room: 'client',
    may: ['shared'],
    libraries: ['@trpc/client'],
    because: 'it takes no schemas of shared, and so no zod: a test of the bundle for browsers counts',
  },
  {
    room: 'client/defaults.ts',
    may: ['client/saved', 'client/transport', 'shared'],
    libraries: ['node:*'],
    because: 'bundlers for the browser take defaults-browser.ts instead',
  },
  {
    room: 'client/saved',
    may: ['shared'],
    libraries: ['node:*'],
    because: 'the logins and contexts that the CLI keeps; of the SDK, defaults.ts alone reads it',
  },
  {
    room: 'client/errors.ts',
    may: ['shared'],
    libraries: ['@trpc/client'],
    because: 'every part of the SDK throws them',
  },
  {
    room: 'client/transport',
    may: ['client/errors.ts', 'shared'],
    libraries: ['@trpc/client', '@trpc/server'],
  },
  {
    room: 'client/transport/websocket.ts',
    may: ['client/transport/reach.ts', 'client/transport/tunnel.ts', 'shared'],
    libraries: ['ws', 'node:*'],
    because: 'bundlers for the browser take websocket-browser.ts instead',
  },
  {
    room: 'client/transport/http.ts',
    may: ['client/transport/proxy.ts', 'client/transport/reach.ts', 'shared'],
    libraries: ['undici', 'node:*'],
    because: 'bundlers for the browser take http-browser.ts instead',
  },
  {
    room: 'client/transport/tunnel.ts',
    may: ['client/transport/proxy.ts', 'client/transport/reach.ts', 'shared'],
    libraries: ['https-proxy-agent'],
    because: 'a part of websocket.ts, loaded only where a proxy is on the way',
  },
  {
    room: 'client/transport/reach.ts',
    may: [],
    libraries: [],
    because: 'how a controller is reached, which requests and sockets share, on Node.js and in browsers',
  },
  {
    room: 'client/transport/proxy.ts',
    may: ['client/transport/reach.ts', 'shared'],
    libraries: ['proxy-from-env', 'node:*'],
    because:
      'the one rule for requests and sockets; SDK, agent and CLI all come by it, and a browser by neither',
  },
  {
    room: 'cli',
    may: [
      'access',
      'audit',
      'client',
      'host',
      'shared',
      'server/main.ts',
      'server/config.ts',
      'agent/main.ts',
      'agent/config.ts',
    ],
    libraries: ['commander', 'dotenv', 'pretty-bytes', 'pretty-ms', 'string-width', 'zod', 'node:*'],
  },
  {
    room: 'cli/agent-main.ts',
    may: ['cli', 'guard'],
    libraries: ['node:worker_threads'],
    because: "the agent's own program: bundled as one file it is what the guard's thread runs, too",
  },
]

/** What only files of some names may import: the outside is met at the edge of a capability, and nowhere else in it. */
const suffixes: { imports: string[]; files: RegExp; named: string; of: string }[] = [
  { imports: ['lmdb'], files: /\.lmdb\.ts$/, named: '*.lmdb.ts', of: 'server' },
  { imports: ['ioredis'], files: /\.redis\.ts$/, named: '*.redis.ts', of: 'server' },
  { imports: ['langchain', '@langchain/*'], files: /\.llm\.ts$/, named: '*.llm.ts', of: 'server' },
  {
    imports: ['fastify', '@fastify/*', 'src/server/transport/http'],
    files: /\.routes\.ts$|\.protocol\.ts$|^server\/transport\/|^server\/app\.ts$/,
    named: '*.routes.ts and *.protocol.ts',
    of: 'server',
  },
  {
    imports: ['@trpc/server', 'src/server/transport/trpc', 'src/server/transport/websocket'],
    files:
      /(^|\/)([\w-]+-)?operations\.ts$|\.protocol\.ts$|^server\/transport\/|^server\/(app|router|app-router)\.ts$/,
    named: 'operations.ts, *-operations.ts and *.protocol.ts',
    of: 'server',
  },
]

/** Rooms that know the API by its type, and by nothing else of the server. */
const mayNameTheRouter = ['client', 'client/transport', 'agent/link']
const ROUTER = 'server/app-router.ts'

/** Files that do nothing but export from others. */
const barrels = ['client/index.ts', 'shared/index.ts']

const sources = readSources()

describe('the walls between the rooms', () => {
  test('every import is one that the table allows', () => {
    expect(sources.size).toBeGreaterThan(50)
    expect(importBreaches(sources)).toEqual([])
  })

  test('no file imports itself through others, not even by types', () => {
    expect(cyclesIn(filesGraph(sources))).toEqual([])
  })

  test('no room imports itself through others, not even by types', () => {
    expect(cyclesIn(roomsGraph(sources))).toEqual([])
  })

  test('outside libraries are imported only by files that are named for them', () => {
    expect(suffixBreaches(sources)).toEqual([])
  })

  test('only the two entries of the package are barrels', () => {
    expect(barrelBreaches(sources)).toEqual([])
  })

  test('docs/architecture.md shows the same table', () => {
    const shown = readRepository('docs/architecture.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.replaceAll(/ +/g, ' '))
    expect(shown).toEqual(rooms.map(rowOf))
  })
})

describe('the check of imports', () => {
  const breachesOf = (path: string, text: string, others: string[] = []) =>
    importBreaches(
      new Map([[path, text], ...others.map((other): [string, string] => [other, 'export const x = 1'])]),
    )

  test('reports an import over a wall with the rule and the remedy', () => {
    const text = "import { x } from '../commands/service.js'"
    const [breach] = breachesOf('server/agents/registry.ts', text, ['server/commands/service.ts'])
    expect(breach).toContain('src/server/agents/registry.ts imports src/server/commands/service.ts')
    expect(breach).toContain('server/agents may import server/cluster')
    expect(breach).toContain('Mend:')
  })

  test('finds a library outside its room, by import(), by export and by a type as well', () => {
    for (const text of [
      "import { z } from 'lmdb'",
      "export { z } from 'lmdb/deep'",
      "export const f = () => import('lmdb')",
      "export type T = import('lmdb').Database",
      "import 'lmdb'",
    ]) {
      expect(breachesOf('agent/commands/runner.ts', text), text).toHaveLength(1)
    }
    expect(breachesOf('server/agents/store.lmdb.ts', "import { open } from 'lmdb'")).toEqual([])
    expect(breachesOf('server/agents/registry.ts', "import { readFileSync } from 'node:fs'")).toHaveLength(1)
  })

  test('lets clients import the router as a type only', () => {
    const others = [ROUTER, 'server/transport/trpc/trpc.ts']
    const inClient = (text: string) => breachesOf('client/client.ts', text, others)
    expect(inClient("import type { AppRouter } from '../server/app-router.js'")).toEqual([])
    expect(inClient("export type { AppRouter } from '../server/app-router.js'")).toEqual([])
    expect(inClient("import { api } from '../server/app-router.js'")).toHaveLength(1)
    expect(inClient("import { type AppRouter } from '../server/app-router.js'")).toHaveLength(1)
    expect(inClient("import type { Other } from '../server/app-router.js'")).toHaveLength(1)
    expect(inClient("import type { Context } from '../server/transport/trpc/trpc.js'")).toHaveLength(1)
  })

  test('finds a folder that is missing from the table', () => {
    expect(breachesOf('server/helpers/text.ts', '')).toEqual([expect.stringContaining('has no room')])
  })

  test('finds a library, or the transport, in a file that is not named for it', () => {
    const breaches = (path: string, text: string) => suffixBreaches(new Map([[path, text]]))
    const lmdb = "import { open } from 'lmdb'"
    expect(breaches('server/agents/registry.ts', lmdb)).toEqual([expect.stringContaining('*.lmdb.ts')])
    expect(breaches('server/agents/store.lmdb.ts', lmdb)).toEqual([])
    const procedure = "import { procedure } from '../transport/trpc/trpc.js'"
    expect(breaches('server/agents/registry.ts', procedure)).toEqual([
      expect.stringContaining('operations.ts'),
    ])
    expect(breaches('server/agents/link-operations.ts', procedure)).toEqual([])
    expect(breaches('server/agents/registry.ts', "import type { FastifyReply } from 'fastify'")).toHaveLength(
      1,
    )
    expect(
      breaches('server/agents/list.routes.ts', "import { parse } from '../transport/http/request.js'"),
    ).toEqual([])
  })

  test('finds and shows a cycle, also one of types alone, and one of rooms', () => {
    const pair = (first: string, second: string) =>
      new Map([
        ['shared/a.ts', first],
        ['shared/b.ts', second],
      ])
    const cycle = pair("import { b } from './b.js'", "export { a } from './a.js'")
    expect(cyclesIn(filesGraph(cycle))).toEqual([
      expect.stringContaining('shared/a.ts → shared/b.ts → shared/a.ts'),
    ])
    expect(
      cyclesIn(filesGraph(pair("import type { B } from './b.js'", "import { a } from './a.js'"))),
    ).toHaveLength(1)
    expect(cyclesIn(filesGraph(pair("import type { B } from './b.js'", 'export const b = 1')))).toEqual([])
    const rooms = new Map([
      ['server/agents/a.ts', "import type { B } from '../commands/b.js'"],
      ['server/commands/b.ts', 'export type B = 1'],
      ['server/commands/c.ts', "import { d } from '../agents/d.js'"],
      ['server/agents/d.ts', 'export const d = 1'],
    ])
    expect(cyclesIn(filesGraph(rooms))).toEqual([])
    expect(cyclesIn(roomsGraph(rooms))).toEqual([
      expect.stringContaining('server/agents → server/commands → server/agents'),
    ])
  })

  test('recognises a barrel by its content, not by its name', () => {
    const breaches = (text: string) => barrelBreaches(new Map([['server/agents/all.ts', text]]))
    expect(breaches("export * from './journal.js'\nexport { a } from './agents.js'")).toHaveLength(1)
    expect(breaches("export { a } from './agents.js'\nexport const b = 1")).toEqual([])
  })
})

type Import = { specifier: string; names: string[]; typeOnly: boolean }

/** Every source of src by its path there, such as `server/core/journal.ts`. */
function readSources(): Map<string, string> {
  const names = readdirSync(`${repository}src`, { recursive: true, encoding: 'utf8' })
  const paths = names.map((name) => name.replaceAll('\\', '/')).filter((name) => name.endsWith('.ts'))
  return new Map(paths.sort().map((path) => [path, readFileSync(`${repository}src/${path}`, 'utf8')]))
}

function importBreaches(files: Map<string, string>): string[] {
  return [...files].flatMap(([path, text]) => {
    const room = roomOf(path)
    if (!room)
      return [`src/${path} has no room. Mend: put it into one, or add its folder to the table with a reason.`]
    return importsOf(text).flatMap((one) => breachOf(path, room, one) ?? [])
  })
}

function breachOf(path: string, room: Room, { specifier, names, typeOnly }: Import): string | undefined {
  if (!specifier.startsWith('.')) {
    if (room.libraries.some((library) => isLibrary(specifier, library))) return undefined
    const home = room.libraries.length === 0 ? 'no library' : room.libraries.join(', ')
    return (
      `src/${path} imports ${specifier}, but at home in ${room.room} is ${home}. ` +
      'Mend: ask for it through a port, and let the room where the library is at home fulfil it.'
    )
  }
  const target = targetOf(path, specifier)
  if (target === ROUTER && mayNameTheRouter.includes(room.room)) {
    if (typeOnly && names.every((name) => name === 'AppRouter')) return undefined
    return `src/${path} takes more of src/${ROUTER} than the type. Mend: import type { AppRouter }, and nothing else.`
  }
  if ([room.room, ...room.may].some((allowed) => isInside(target, allowed))) return undefined
  if (roomOf(target)?.room === room.room) return undefined
  return (
    `src/${path} imports src/${target}, but ${room.room} may import ${room.may.join(', ') || 'nothing of ours'}. ` +
    'Mend: move what is needed into a room that both may import, or hand it in through a port wired in compose.ts.'
  )
}

function roomOf(path: string): Room | undefined {
  const fitting = rooms.filter(({ room }) => isInside(path, room))
  return fitting.sort((a, b) => b.room.length - a.room.length)[0]
}

function isInside(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}

function isLibrary(specifier: string, library: string): boolean {
  if (library.endsWith('*')) return specifier.startsWith(library.slice(0, -1))
  return isInside(specifier, library)
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts')
}

/** By file: the files that it imports. */
function filesGraph(files: Map<string, string>): Graph {
  const targets = ([path, text]: [string, string]) =>
    importsOf(text)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ specifier }) => targetOf(path, specifier))
  return new Map([...files].map((file) => [file[0], targets(file)]))
}

/** By room: the other rooms that its files import. */
function roomsGraph(files: Map<string, string>): Graph {
  const graph: Graph = new Map()
  const nameOf = (path: string) => roomOf(path)?.room ?? path
  for (const [path, targets] of filesGraph(files)) {
    const room = nameOf(path)
    const others = targets.map(nameOf).filter((target) => target !== room)
    graph.set(room, [...(graph.get(room) ?? []), ...others])
  }
  return graph
}

function suffixBreaches(files: Map<string, string>): string[] {
  return [...files].flatMap(([path, text]) =>
    importsOf(text).flatMap(({ specifier }) => {
      const name = specifier.startsWith('.') ? `src/${targetOf(path, specifier)}` : specifier
      const broken = suffixes.filter(
        ({ imports, files: allowed, of }) =>
          isInside(path, of) && imports.some((one) => isLibrary(name, one)) && !allowed.test(path),
      )
      return broken.map(
        ({ named }) => `src/${path} imports ${name}, which is for ${named}. Mend: ask for it through a port.`,
      )
    }),
  )
}

type Graph = Map<string, string[]>

/** Cycles of imports. Types count: what names another's types cannot be read, or moved, without it. */
function cyclesIn(graph: Graph): string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (place: string, trail: string[]) => {
    const at = trail.indexOf(place)
    if (at >= 0) {
      const shown = [...trail.slice(at), place].join(' → ')
      cycles.push(`${shown} is a cycle. Mend: move what both need into a file below them.`)
      return
    }
    if (done.has(place)) return
    done.add(place)
    for (const target of graph.get(place) ?? []) visit(target, [...trail, place])
  }
  for (const place of graph.keys()) visit(place, [])
  return cycles
}

function barrelBreaches(files: Map<string, string>): string[] {
  return [...files]
    .filter(([path, text]) => !barrels.includes(path) && isBarrel(text))
    .map(
      ([path]) => `src/${path} only exports from others. Mend: let its users import from where things are.`,
    )
}

function isBarrel(text: string): boolean {
  const { body } = parseAst(text, { lang: 'ts' })
  return (
    body.length > 0 && body.every((node) => 'source' in node && node.source !== null && isExport(node.type))
  )
}

function isExport(type: string): boolean {
  return type === 'ExportNamedDeclaration' || type === 'ExportAllDeclaration'
}

const cache = new Map<string, Import[]>()

function importsOf(text: string): Import[] {
  const known = cache.get(text)
  if (known) return known
  const found: Import[] = []
  collect(parseAst(text, { lang: 'ts' }), found)
  cache.set(text, found)
  return found
}

/** Walks the whole tree: imports hide in expressions and types too. */
function collect(node: unknown, found: Import[]): void {
  if (Array.isArray(node)) {
    for (const item of node) collect(item, found)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const { type, source, importKind, exportKind, specifiers } = node as Record<string, unknown>
  const specifier = (source as { value?: unknown } | null | undefined)?.value
  if (typeof specifier === 'string') {
    const typeOnly = importKind === 'type' || exportKind === 'type' || type === 'TSImportType'
    found.push({
      specifier,
      typeOnly,
      names: Array.isArray(specifiers) ? specifiers.map(importedName) : ['*'],
    })
  }
  for (const value of Object.values(node)) collect(value, found)
}

function importedName(specifier: {
  imported?: { name?: string }
  local?: { name?: string }
  type?: string
}): string {
  if (specifier.type === 'ExportSpecifier') return specifier.local?.name ?? '*'
  return specifier.imported?.name ?? '*'
}

function rowOf({ room, may, libraries, because }: Room): string {
  const code = (names: string[]) => names.map((name) => `\`${name}\``).join(', ') || '–'
  return `| \`${room}\` | ${code(may)} | ${code(libraries)} | ${because ?? ''} |`.replaceAll(/ +/g, ' ')
}
