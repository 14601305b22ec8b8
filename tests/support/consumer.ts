import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './folder.js'
import { run } from './program.js'
import { readRepository, repository } from './samples.js'

/** An empty TypeScript project that has installed the packed tarball and nothing else of this repository. */
export type Consumer = Disposable & {
  path: string
  /** What the tarball holds, as paths inside the package. */
  files: string[]
  /** Of the tarball, in bytes, packed and unpacked. */
  size: number
  unpackedSize: number
  /** The tarball itself. */
  tarball: string
  /** Compiles these sources (name without ending → text) in place, strictly; gives the compiler's figures. Rejects with what tsc says. */
  compile(sources: Sources, options?: CompilerOptions): Promise<string>
  /** What a compiler says of these sources, a line each: nothing where it has no objection. */
  objections(sources: Sources, options: CompilerOptions, compiler: Compiler): Promise<string[]>
}

type Sources = Record<string, string>
type CompilerOptions = Record<string, unknown>
/** By the name under which this repository has it installed. */
export type Compiler = 'typescript' | 'typescript-5-9' | 'typescript-5-6'

/** What a Node.js user of TypeScript installs besides; no type of the package needs it. */
export const nodeTypes = ['@types/node', 'undici-types']

/** All that the declarations of the package may name, and `superjson`, which a stock tRPC client takes. */
const typed = ['@trpc/client', '@trpc/server', 'zod', 'superjson']

/**
 * Packs and unpacks the package for real; its declared dependencies are linked in from this repository, so that
 * it takes a second and no network. A dependency that is not declared is not there, as at a user's, but for those that
 * are installed `besides`.
 */
export function packedConsumer(besides: string[] = []): Consumer {
  return consumerWith([...productionPackages(), ...besides], link)
}

/**
 * The same for programs that are compiled and not run: what it has is copied, since from what is linked a compiler would
 * find its way into this repository, and to all the types that are installed here.
 */
export function typesConsumer(besides: string[] = []): Consumer {
  return consumerWith([...typed, ...besides], copyDeclarations)
}

function consumerWith(packages: string[], install: Install): Consumer {
  const folder = temporaryFolder('ogent-consumer-')
  const path = folder.path
  const modules = join(path, 'node_modules')
  const home = join(modules, 'ogent')
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', path], {
    cwd: repository,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [tarball] = readdirSync(path).filter((name) => name.endsWith('.tgz'))
  if (!tarball) throw new Error(`npm pack made no tarball: ${packed}`)
  const sizes = packedSizes(packed)
  unpack(join(path, tarball), path, packages, install)
  linkPrograms(modules, home)
  writeFileSync(
    join(path, 'package.json'),
    JSON.stringify({ name: 'consumer', private: true, type: 'module' }),
  )
  return {
    path,
    files: readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1)),
    compile: (sources, options = {}) => compile(path, sources, options),
    objections: async (sources, options, compiler) => {
      const { stdout } = await tsc(path, sources, options, compiler)
      return stdout.split('\n').filter((line) => /error TS\d+:/.test(line))
    },
    size: sizes.size,
    unpackedSize: sizes.unpackedSize,
    tarball: join(path, tarball),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

/** A version of the package from before, unpacked; gives the path of its program. */
export function unpackedRelease(tarball: string, path: string): string {
  return join(unpack(tarball, path, [...productionPackages(), ...WERE_NEEDED], link), 'dist/cli/main.js')
}

/** Packages of earlier releases that today's does without, and theirs. */
const WERE_NEEDED = ['ulidx', 'layerr']

type Install = (at: string, name: string) => void

/** Installs a tarball into a folder, with packages of this repository; gives where the package is. */
function unpack(tarball: string, path: string, packages: string[], install: Install): string {
  const modules = join(path, 'node_modules')
  const home = join(modules, 'ogent')
  mkdirSync(home, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', home])
  for (const name of new Set(packages)) install(join(modules, name), name)
  return home
}

/** As `npm pack --json` tells them: a list, or since npm 11 an object by name. */
function packedSizes(packed: string): { size: number; unpackedSize: number } {
  const [first]: { size: number; unpackedSize: number }[] = Object.values(JSON.parse(packed))
  if (!first) throw new Error(`npm pack told no sizes: ${packed}`)
  return first
}

/** Every package that `npm install --omit=dev` would bring, by the lock file; those of other platforms are absent. */
function productionPackages(): string[] {
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readRepository('package-lock.json'),
  )
  const installed = new Set(installedPackages())
  return Object.entries(lock.packages)
    .filter(([at, { dev }]) => !dev && at.lastIndexOf('node_modules/') === 0)
    .map(([at]) => at.slice('node_modules/'.length))
    .filter((name) => installed.has(name))
}

function installedPackages(): string[] {
  const root = join(repository, 'node_modules')
  return readdirSync(root).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(root, name)).map((inner) => `${name}/${inner}`) : [name],
  )
}

function link(at: string, name: string): void {
  mkdirSync(dirname(at), { recursive: true })
  symlinkSync(join(repository, 'node_modules', name), at)
}

function copyDeclarations(at: string, name: string): void {
  const filter = (file: string) => statSync(file).isDirectory() || /\.d\.[cm]?ts$|\/package\.json$/.test(file)
  cpSync(join(repository, 'node_modules', name), at, { recursive: true, filter })
}

/** As npm does with `bin`. */
function linkPrograms(modules: string, home: string): void {
  const { bin }: { bin: Record<string, string> } = JSON.parse(readRepository('package.json'))
  mkdirSync(join(modules, '.bin'))
  for (const [name, file] of Object.entries(bin)) {
    chmodSync(join(home, file), 0o755)
    symlinkSync(join(home, file), join(modules, '.bin', name))
  }
}

async function compile(path: string, sources: Sources, options: CompilerOptions): Promise<string> {
  const { code, stdout } = await tsc(path, sources, options, 'typescript')
  if (code !== 0) throw new Error(`tsc says:\n${stdout}`)
  return stdout
}

/** No types but those that `options` name: some versions would take all that is there. */
async function tsc(path: string, sources: Sources, options: CompilerOptions, compiler: Compiler) {
  const names = Object.keys(sources).map((name) => `${name}.ts`)
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(path, `${name}.ts`), text)
  const compilerOptions = { strict: true, target: 'ES2022', module: 'NodeNext', types: [], ...options }
  const config = join(path, `tsconfig.${names[0]}.json`)
  writeFileSync(config, JSON.stringify({ compilerOptions, files: names }))
  const program = join(repository, 'node_modules', compiler, 'bin/tsc')
  return run(process.execPath, [program, '-p', config, '--extendedDiagnostics'], { cwd: path })
}
