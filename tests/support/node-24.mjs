// Runs the test suite on Node.js 24, whatever Node.js runs this: `npm run test:node24 [-- arguments of vitest]`.
// The package `node` brings its binary by an install script, so what that script would bring is taken by itself: the
// package of this platform, which holds the binary and runs nothing.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = '24.20.0'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const name = `node-${process.platform}-${process.arch}`
const folder = join(repository, '.node24', VERSION)
const node = join(folder, 'node_modules', name, 'bin', 'node')

if (!existsSync(node)) {
  const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  execFileSync('npm', [...args, `${name}@${VERSION}`], { stdio: 'inherit' })
  chmodSync(node, 0o755)
}
console.log(`Node.js ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)

// First in PATH, for every `node` that a test starts by that name.
const PATH = [dirname(node), process.env.PATH].join(delimiter)
const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
const reporters = ['--reporter=default', '--reporter=./tests/support/skip-reporter.ts']
const suite = spawn(node, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
  cwd: repository,
  stdio: 'inherit',
  env: { ...process.env, PATH },
})
suite.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal ? 1 : 0)
})
