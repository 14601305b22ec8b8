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
  { room: 'shared', may: [], libraries: ['zod', 'superjson', 'ulidx'] },
  {
    room: 'host',
    may: ['shared'],
    libraries: ['koffi', 'node:*'],
    because: 'what both roles ask of the machine they are on; the SDK must not reach it',
  },
  {
    room: 'host/log.ts',
    may: ['shared'],
    libraries: ['pino', 'node:*'],
    because: 'both roles log in one way',
  },
  { room: 'guard', may: ['shared'], libraries: ['unbash'] },
  {
    room: 'guard/worker.ts',
    may: ['guard'],
    libraries: ['node:worker_threads'],
    because: 'it is the thread in which a controller and an agent let the guard read what takes long',
  },
  {
    room: 'tracing',
    may: [],
    libraries: ['@opentelemetry/*'],
    because: 'both roles send traces; what that takes is loaded only where it is asked for',
  },
  { room: 'server/core', may: ['shared'], libraries: ['node:crypto'] },
  {
    room: 'server/adapters',
    may: [
      'server/core/ports.ts',
      'server/core/journal.ts',
      'server/core/head.ts',
      'server/core/fleet.ts',
      'guard',
      'host/whole-file.ts',
      'shared',
      'tracing',
    ],
    libraries: [
      'lmdb',
      'ioredis',
      'jose',
      'prom-client',
      'langchain',
      '@langchain/core',
      '@langchain/openai',
      'zod',
      'node:*',
    ],
    because: 'head.ts has the rules by which a journal grows, the same for every store',
  },
  {
    room: 'server/api',
    may: ['server/core', 'shared'],
    libraries: ['@trpc/server', 'fastify', '@fastify/*', 'ws', 'zod', 'node:*'],
  },
  { room: 'server/config.ts', may: ['shared'], libraries: ['zod'] },
  { room: 'server/secrets.ts', may: ['host', 'shared'], libraries: ['node:*'] },
  {
    room: 'server/tls.ts',
    may: ['server/config.ts', 'server/core/ports.ts', 'host', 'shared'],
    libraries: ['node:*'],
  },
  {
    room: 'server/storage.ts',
    may: [
      'server/adapters',
      'server/core',
      'server/config.ts',
      'server/secrets.ts',
      'server/redis-storage.ts',
      'host',
      'shared',
    ],
    libraries: [],
    because:
      'it wires what a controller keeps things in, as a part of compose.ts that is long enough for a file',
  },
  {
    room: 'server/redis-storage.ts',
    may: ['server/adapters', 'server/core', 'server/secrets.ts', 'server/storage.ts', 'shared'],
    libraries: [],
    because: 'the same for Redis, loaded only where REDIS_URL is set',
  },
  {
    room: 'server/accounts.ts',
    may: [
      'server/adapters',
      'server/compose.ts',
      'server/config.ts',
      'server/redis-storage.ts',
      'host',
      'shared',
    ],
    libraries: ['node:*'],
    because: 'accounts are kept without a running controller',
  },
  {
    room: 'server/compose.ts',
    may: ['server', 'guard', 'host', 'shared', 'tracing'],
    libraries: ['node:*'],
  },
  { room: 'server/main.ts', may: ['server', 'host', 'shared'], libraries: ['node:*'] },
  { room: 'agent/core', may: ['shared'], libraries: ['node:crypto'] },
  {
    room: 'agent/executors',
    may: ['agent/core/ports.ts', 'host', 'shared'],
    libraries: ['koffi', 'ssh2', 'node:*'],
  },
  { room: 'agent/link', may: ['agent/core', 'client/link', 'shared'], libraries: ['@trpc/client'] },
  { room: 'agent/state', may: ['agent/core', 'host', 'shared'], libraries: ['node:*'] },
  {
    room: 'agent/targets.ts',
    may: ['agent/config.ts', 'agent/core/ports.ts', 'agent/executors', 'shared'],
    libraries: [],
    because: 'it wires the executors, as a part of compose.ts that is long enough for a file',
  },
  { room: 'agent/traces.ts', may: ['agent/core/ports.ts', 'tracing'], libraries: [] },
  { room: 'agent/machine.ts', may: ['shared'], libraries: ['node:*'] },
  { room: 'agent/config.ts', may: ['host', 'shared'], libraries: ['zod', 'node:*'] },
  {
    room: 'agent/compose.ts',
    may: ['agent', 'guard', 'host', 'shared', 'tracing'],
    libraries: ['node:*'],
  },
  { room: 'agent/main.ts', may: ['agent', 'host', 'shared'], libraries: ['node:*'] },
  { room: 'client', may: ['shared'], libraries: ['@trpc/client', 'zod'] },
  { room: 'client/link', may: ['shared'], libraries: ['@trpc/client', '@trpc/server'] },
  {
    room: 'client/link/websocket.ts',
    may: ['shared'],
    libraries: ['ws', 'node:*'],
    because: 'bundlers for the browser take websocket-browser.ts instead',
  },
  {
    room: 'client/link/http.ts',
    may: [],
    libraries: ['node:*'],
    because: 'bundlers for the browser take http-browser.ts instead',
  },
  {
    room: 'cli',
    may: ['client', 'host', 'shared', 'server/main.ts', 'agent/main.ts'],
    libraries: ['commander', 'dotenv', 'zod', 'node:*'],
  },
]

/** Rooms that know the API by its type, and by nothing else of the server. */
const mayNameTheRouter = ['client', 'client/link', 'agent/link']
const ROUTER = 'server/api/router.ts'

/** Files that do nothing but export from others. */
const barrels = ['client/index.ts', 'shared/index.ts']

const sources = readSources()

describe('the walls between the rooms', () => {
  test('every import is one that the table allows', () => {
    expect(sources.size).toBeGreaterThan(50)
    expect(importBreaches(sources)).toEqual([])
  })

  test('no file imports itself over others', () => {
    expect(cyclesIn(sources)).toEqual([])
  })

  test('only the two entries of the package are barrels', () => {
    expect(barrelBreaches(sources)).toEqual([])
  })

  test('docs/architecture.md shows this very table', () => {
    const shown = readRepository('docs/architecture.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.replaceAll(/ +/g, ' '))
    expect(shown).toEqual(rooms.map(rowOf))
  })
})

describe('the check itself', () => {
  const breachesOf = (path: string, text: string, others: string[] = []) =>
    importBreaches(
      new Map([[path, text], ...others.map((other): [string, string] => [other, 'export const x = 1'])]),
    )

  test('an import over a wall is told with the rule and the mend', () => {
    const text = "import { x } from '../adapters/store.js'"
    const [breach] = breachesOf('server/core/commands.ts', text, ['server/adapters/store.ts'])
    expect(breach).toContain('src/server/commands/service.ts imports src/server/adapters/store.ts')
    expect(breach).toContain('server/core may import shared')
    expect(breach).toContain('Mend:')
  })

  test('a library away from home is a breach, by import(), export and type as well', () => {
    for (const text of [
      "import { z } from 'lmdb'",
      "export { z } from 'lmdb/deep'",
      "export const f = () => import('lmdb')",
      "export type T = import('lmdb').Database",
      "import 'lmdb'",
    ]) {
      expect(breachesOf('agent/core/runner.ts', text), text).toHaveLength(1)
    }
    expect(breachesOf('server/adapters/store.ts', "import { open } from 'lmdb'")).toEqual([])
    expect(breachesOf('server/core/journal.ts', "import { readFileSync } from 'node:fs'")).toHaveLength(1)
  })

  test('the router is known to clients as a type only', () => {
    const others = [ROUTER, 'server/api/trpc.ts']
    const inClient = (text: string) => breachesOf('client/client.ts', text, others)
    expect(inClient("import type { AppRouter } from '../server/api/router.js'")).toEqual([])
    expect(inClient("export type { AppRouter } from '../server/api/router.js'")).toEqual([])
    expect(inClient("import { appRouter } from '../server/api/router.js'")).toHaveLength(1)
    expect(inClient("import { type AppRouter } from '../server/api/router.js'")).toHaveLength(1)
    expect(inClient("import type { Other } from '../server/api/router.js'")).toHaveLength(1)
    expect(inClient("import type { Context } from '../server/api/trpc.js'")).toHaveLength(1)
  })

  test('a folder that the table does not name is a breach', () => {
    expect(breachesOf('server/helpers/text.ts', '')).toEqual([expect.stringContaining('has no room')])
  })

  test('a cycle is found and shown, one of types alone is none', () => {
    const pair = (first: string, second: string) =>
      new Map([
        ['shared/a.ts', first],
        ['shared/b.ts', second],
      ])
    const cycle = pair("import { b } from './b.js'", "export { a } from './a.js'")
    expect(cyclesIn(cycle)).toEqual([expect.stringContaining('shared/a.ts → shared/b.ts → shared/a.ts')])
    expect(cyclesIn(pair("import type { B } from './b.js'", "import { a } from './a.js'"))).toEqual([])
  })

  test('a barrel is found by what it does, not by its name', () => {
    const breaches = (text: string) => barrelBreaches(new Map([['server/core/all.ts', text]]))
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

/** Cycles of imports that are there at run time: types vanish. */
function cyclesIn(files: Map<string, string>): string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      const shown = [...trail.slice(at), path].join(' → ')
      cycles.push(`${shown} is a cycle. Mend: move what both need into a file below them.`)
      return
    }
    if (done.has(path)) return
    done.add(path)
    for (const { specifier, typeOnly } of importsOf(files.get(path) ?? '')) {
      if (!typeOnly && specifier.startsWith('.')) visit(targetOf(path, specifier), [...trail, path])
    }
  }
  for (const path of files.keys()) visit(path, [])
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
