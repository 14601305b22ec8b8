// Makes dist/bundle of what was built: the agent as one file that needs Node.js and nothing else, with its SHA-256 as
// `sha256sum --check` takes it, and the script that installs it. Controllers give them to machines (src/server/install).
// The same sources make the same bytes. A folder that the call names takes the place of dist/bundle.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = resolve(root, process.argv[2] ?? 'dist/bundle')
const NAME = 'ogent-agent.mjs'
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Modules that find a file beside them, with what takes their place where there is none. */
const standIns = {
  'host/version.js': `export const packageVersion = () => ${JSON.stringify(version)}`,
  // The file is its own thread: src/cli/agent-main.ts.
  'guard/thread-module.js': 'export const threadModule = new URL(import.meta.url)',
}

const BANNER = `#!/usr/bin/env node
// Ogent agent ${version}, as one file for Node.js 20.19 or later. MIT license; those of what is in it are at its end.
import { createRequire as createRequireOfBundle } from 'node:module'
const require = createRequireOfBundle(import.meta.url)
// The names that modules of the older kind have.
const { filename: __filename, dirname: __dirname } = import.meta`

const { metafile, outputFiles } = await build({
  entryPoints: [join(root, 'dist/cli/agent-main.js')],
  absWorkingDir: root,
  // Paths are named as they are here, also where node_modules is a link to another folder.
  preserveSymlinks: true,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  // Names stay, for stacks and for messages that have them.
  minifySyntax: true,
  minifyWhitespace: true,
  // Node.js prints the line of an error.
  lineLimit: 160,
  sourcemap: false,
  legalComments: 'none',
  banner: { js: BANNER },
  // Optional parts that are compiled: each is asked for, and done without where it is not beside the file.
  external: ['koffi', 'cpu-features', 'kerberos', '*.node'],
  plugins: [{ name: 'stand-ins', setup: giveStandIns }],
  outfile: join(folder, NAME),
  metafile: true,
  write: false,
  logLevel: 'warning',
})
const [{ text }] = outputFiles
const bundle = Buffer.from(`${text.replace(/^#!.*\n(?=#!)/, '')}${licenses(Object.keys(metafile.inputs))}`)

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, NAME), bundle, { mode: 0o644 })
// npx makes it executable when it links a checkout, once: a build after that makes the file anew.
chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
const hash = createHash('sha256').update(bundle).digest('hex')
writeFileSync(join(folder, `${NAME}.sha256`), `${hash}  ${NAME}\n`, { mode: 0o644 })
writeFileSync(join(folder, 'install.sh'), installScript(), { mode: 0o644 })

/** The script is one file as well: the units of packaging/systemd are in it. */
function installScript() {
  const read = (path) => readFileSync(join(root, 'packaging', path), 'utf8')
  const units = {
    AGENT_UNIT: 'ogent-agent.service',
    SUDO_DROP_IN: 'ogent-agent-sudo.conf',
    CGROUPS_DROP_IN: 'ogent-agent-cgroups.conf',
  }
  const inPlace = (script, [name, file]) =>
    script.replace(`@${name}@`, () => read(`systemd/${file}`).trimEnd())
  return Object.entries(units).reduce(inPlace, read('install/install.sh'))
}

function giveStandIns(made) {
  made.onLoad({ filter: /\/dist\/.*\.js$/ }, ({ path }) => {
    const contents = standIns[relative(join(root, 'dist'), path).replaceAll('\\', '/')]
    return contents === undefined ? undefined : { contents, loader: 'js' }
  })
}

/** The licenses of the packages that these files are of, as a comment. */
function licenses(files) {
  const homes = new Set(files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []))
  const texts = [...homes].sort().map((home) => {
    const { name, version: its, license } = JSON.parse(readFileSync(join(root, home, 'package.json'), 'utf8'))
    const file = readdirSync(join(root, home)).find((one) => /^licen[cs]e/i.test(one))
    const terms = file ? readFileSync(join(root, home, file), 'utf8').trim() : `License: ${license}`
    return `${name} ${its}\n\n${terms}`
  })
  const own = readFileSync(join(root, 'LICENSE'), 'utf8').trim()
  const all = [`Ogent ${version}\n\n${own}`, ...texts].join('\n\n----\n\n')
  return `\n/*\n${all.replaceAll('*/', '* /')}\n*/\n`
}
