import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
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
  test('contains the built package and its documents, and nothing else', () => {
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
    // Half of it is the agent as one file, which a controller gives to machines.
    expect(unpackedSize).toBeLessThan(8_500_000)
    const built = consumer.files.filter((file) => file.startsWith('dist/'))
    expect(built.filter((file) => !/\.(js|d\.ts)$/.test(file)).sort()).toEqual([
      'dist/bundle/install.sh',
      'dist/bundle/ogent-agent.mjs',
      'dist/bundle/ogent-agent.mjs.sha256',
    ])
    expect(consumer.files.filter((file) => /test|spec|fixture|\.env$/.test(file))).toEqual([])
  })

  test('contains all that its README links to, and guides and examples completely', () => {
    const links = [...readRepository('README.md').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(
      ([, path]) => path,
    )
    expect(links.length).toBeGreaterThan(5)
    for (const path of links) expect(consumer.files, path).toContain(path)
    for (const folder of ['docs', 'examples']) {
      const here = readdirSync(`${repository}${folder}`, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(repository.length))
      expect(consumer.files.filter((file) => file.startsWith(`${folder}/`)).sort()).toEqual(here.sort())
    }
  })

  test('contains every path that package.json names', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(join(consumer.path, 'node_modules/ogent/package.json'), 'utf8'),
    )
    const { exports, bin, browser } = manifest as Record<string, unknown>
    const named = JSON.stringify([exports, bin, browser]).match(/(?<=")(\.\/)?dist\/[^"]+/g) ?? []
    expect(named.length).toBeGreaterThan(10)
    for (const path of named) expect(consumer.files, path).toContain(path.replace('./', ''))
  })

  test('has a program that prints its version and its subcommands', async () => {
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

  test('has entries that a program with only its dependencies can import', async () => {
    const names = ['client', 'server', 'agent', 'shared'].map((entry) => `ogent/${entry}`)
    const code = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0)`
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code], {
      cwd: consumer.path,
    })
    expect({ stdout, stderr }).toEqual({ stdout: names.map((name) => `${name} true\n`).join(''), stderr: '' })
  })
})

describe('ogent/client in a browser', () => {
  test('is bundled without a module of Node.js', async () => {
    const { imports, code, modules } = await bundle('browser')
    const zipped = gzipSync(code).length
    const [whole, packed] = [code.length, zipped].map((bytes) => `${(bytes / 1000).toFixed(1)} kB`)
    console.log(`ogent/client for browsers: ${whole} minified, ${packed} with gzip`)
    // More than twice as much with a library of schemas, which it does without.
    expect(zipped).toBeLessThanOrEqual(22_700)
    expect(modules.filter((id) => /node_modules\/zod\//.test(id))).toEqual([])
    expect(imports.filter(isBuiltin)).toEqual([])
    expect(imports).toEqual([])
    const ofNode = /node_modules\/(ws|undici|https-proxy-agent|proxy-from-env|fastify|lmdb|ssh2|pino)\//
    expect(modules.filter((id) => ofNode.test(id))).toEqual([])
    for (const part of ['websocket-browser.js', 'http-browser.js', 'defaults-browser.js']) {
      expect(
        modules.some((id) => id.endsWith(part)),
        part,
      ).toBe(true)
    }
    expect(code).not.toMatch(/\bprocess\.|\bBuffer\./)
  })

  test('differs from the same bundle for Node.js, in which the check finds ws and built-in modules', async () => {
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
