// Packs three tarballs of one build, `npm run pack:all`: ogent, which is all, and its parts @ogent/client and @ogent/agent.
// What is in a part, and what it depends on, is found by its imports, so that neither is kept by hand.
//   --destination FOLDER   where they go, instead of this folder
//   --built                of what is in dist, which is not built anew
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { importsOf } from './imports.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Packages that go into the tarball of a part: each asks for the TypeScript compiler as its peer, which no user needs. */
const BUNDLED = ['@trpc/client', '@trpc/server']
/** Of the optional packages the one that is installed unless its platform has none; the others serve settings that few use. */
const INSTALLED_BY_ITSELF = ['koffi']

const parts = [
  {
    name: '@ogent/client',
    description: 'The SDK of Ogent: run a command on any machine and watch it live.',
    entries: ['client/index.js', 'shared/index.js', ...browserFiles()],
    exports: { '.': 'client/index', './shared': 'shared/index' },
    more: { browser: manifest.browser, sideEffects: false },
  },
  {
    name: '@ogent/agent',
    description: 'The agent of Ogent: runs commands on its machine for a controller that it dials in to.',
    // The worker is found by its address.
    entries: ['agent/app.js', 'cli/agent-main.js', 'guard/worker.js'],
    exports: { '.': 'agent/app' },
    more: { bin: { 'ogent-agent': 'dist/cli/agent-main.js' } },
  },
]

const { values } = parseArgs({
  options: { destination: { type: 'string', default: '.' }, built: { type: 'boolean', default: false } },
})
const destination = resolve(values.destination)
if (!values.built) npm(root, 'run', 'clean')
if (!values.built) npm(root, 'run', 'build')
packWhole()
for (const part of parts) await packPart(part)

/** In a folder of its own: the file that locks what users install never comes to this one, where others may be packing too. */
function packWhole() {
  const stage = mkdtempSync(join(tmpdir(), 'ogent-pack-'))
  try {
    for (const name of ['package.json', 'package-lock.json', ...manifest.files]) {
      if (existsSync(join(root, name))) cpSync(join(root, name), join(stage, name), { recursive: true })
    }
    execFileSync(process.execPath, [join(root, 'packaging/shrinkwrap.mjs')], { cwd: stage })
    pack(stage)
  } finally {
    rmSync(stage, { recursive: true })
  }
}

async function packPart(part) {
  const stage = mkdtempSync(join(tmpdir(), 'ogent-pack-'))
  try {
    const { files, packages } = await importsOf(join(root, 'dist'), part.entries)
    for (const file of files) copy(`dist/${file}`, stage)
    for (const name of BUNDLED) bundle(name, stage)
    copy('LICENSE', stage)
    cpSync(join(root, 'packaging/readme', `${part.name.split('/')[1]}.md`), join(stage, 'README.md'))
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifestOf(part, packages), null, 2)}\n`)
    pack(stage)
  } finally {
    rmSync(stage, { recursive: true })
  }
}

function manifestOf({ name, description, exports, more }, packages) {
  const { version, license, type, engines } = manifest
  const named = Object.entries(exports).map(([entry, file]) => [
    entry,
    { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
  ])
  return {
    ...{ name, version, description, license, type, engines },
    files: ['dist'],
    exports: { ...Object.fromEntries(named), './package.json': './package.json' },
    ...more,
    ...dependenciesOf(packages),
    bundleDependencies: BUNDLED,
  }
}

function dependenciesOf(packages) {
  const { dependencies, optionalDependencies } = manifest
  const lists = { dependencies: {}, optionalDependencies: {}, peerDependencies: {} }
  for (const name of packages.toSorted()) {
    const optional = optionalDependencies[name]
    const range = optional ?? dependencies[name]
    if (range === undefined) throw new Error(`${name} is imported, and package.json does not name it`)
    const list = INSTALLED_BY_ITSELF.includes(name) ? 'optionalDependencies' : 'peerDependencies'
    lists[optional === undefined ? 'dependencies' : list][name] = range
  }
  const peers = Object.keys(lists.peerDependencies).map((name) => [name, { optional: true }])
  const filled = Object.entries(lists).filter(([, list]) => Object.keys(list).length > 0)
  return {
    ...Object.fromEntries(filled),
    ...(peers.length > 0 ? { peerDependenciesMeta: Object.fromEntries(peers) } : {}),
  }
}

/** What bundlers for the browser take in the place of other files: nothing imports it. */
function browserFiles() {
  return Object.values(manifest.browser).map((file) => file.replace('./dist/', ''))
}

function copy(file, stage) {
  mkdirSync(dirname(join(stage, file)), { recursive: true })
  cpSync(join(root, file), join(stage, file))
}

/** Copies an installed package, without its source maps and sources, and without what it asks for beside itself. */
function bundle(name, stage) {
  const home = join(root, 'node_modules', name)
  const to = join(stage, 'node_modules', name)
  const filter = (file) =>
    !/\.map$/.test(file) &&
    !file.startsWith(join(home, 'src/')) &&
    !file.startsWith(join(home, 'node_modules'))
  cpSync(home, to, { recursive: true, dereference: true, filter })
  const {
    peerDependencies: _peers,
    peerDependenciesMeta: _meta,
    ...its
  } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(its, null, 2)}\n`)
}

function pack(folder) {
  npm(folder, 'pack', '--ignore-scripts', '--pack-destination', destination)
}

function npm(cwd, ...args) {
  mkdirSync(destination, { recursive: true })
  // It says the name of the tarball, and much besides.
  execFileSync('npm', [...args, '--loglevel=error'], { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}
