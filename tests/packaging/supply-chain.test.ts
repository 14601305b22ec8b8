import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'

type Entry = {
  version: string
  dev?: boolean
  devOptional?: boolean
  optional?: boolean
  integrity?: string
  resolved?: string
}
type Lock = { packages: Record<string, Entry & { devDependencies?: object }> }

const lock: Lock = JSON.parse(readRepository('package-lock.json'))
const ofUsers = Object.entries(lock.packages).filter(([at, { dev }]) => at !== '' && !dev)

/** A registry is told by the settings of who installs, never by us. */
const HOST = /https?:\/\/[^"\s]*(registry|npmjs|verdaccio|artifactory|nexus)/i

describe('the tarball that npm pack makes', () => {
  const folder = temporaryFolder('ogent-pack-')
  const packed = join(folder.path, 'packed')
  let shrinkwrapText = ''
  afterAll(() => folder[Symbol.dispose](), 120_000)

  beforeAll(async () => {
    // A checkout of its own: packing makes and removes files in it.
    const checkout = join(folder.path, 'checkout')
    for (const name of [
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'README.md',
      'LICENSE',
    ])
      cpSync(join(repository, name), join(checkout, name))
    for (const name of ['src', 'packaging', 'docs', 'examples'])
      cpSync(join(repository, name), join(checkout, name), { recursive: true })
    symlinkSync(join(repository, 'node_modules'), join(checkout, 'node_modules'))
    mkdirSync(packed)
    const { npm_config_cache = '' } = process.env
    const env: Record<string, string> = npm_config_cache === '' ? {} : { npm_config_cache }
    const pack = await run('npm', ['pack', '--pack-destination', folder.path], {
      cwd: checkout,
      timeoutMs: 280_000,
    })
    expect(pack.code, pack.stderr).toBe(0)
    expect(existsSync(join(checkout, 'npm-shrinkwrap.json'))).toBe(false)
    const { version }: { version: string } = JSON.parse(readRepository('package.json'))
    const tarball = join(folder.path, `ogent-${version}.tgz`)
    await run('tar', ['-xzf', tarball, '-C', packed, '--strip-components=1'])
    shrinkwrapText = readFileSync(join(packed, 'npm-shrinkwrap.json'), 'utf8')
    // As docs/install-agent.md does it.
    await run('npm', ['pkg', 'delete', 'devDependencies'], { cwd: packed })
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    const install = await run('npm', args, { cwd: packed, env, timeoutMs: 280_000 })
    expect(install.code, install.stderr).toBe(0)
  }, 600_000)

  test('locks all that users install, by hash, and names no registry', () => {
    expect(shrinkwrapText).not.toMatch(HOST)
    const shrinkwrap: Lock = JSON.parse(shrinkwrapText)
    expect(Object.keys(shrinkwrap.packages).sort()).toEqual(['', ...ofUsers.map(([at]) => at)].sort())
    for (const [at, { version, integrity }] of ofUsers) {
      expect(shrinkwrap.packages[at], at).toMatchObject({
        version,
        integrity: expect.stringMatching(/^sha512-/),
      })
      expect(integrity, at).toBeDefined()
    }
    expect(shrinkwrap.packages['']?.devDependencies).toBeUndefined()
  })

  test('installs every package in the version that was tested, although package.json allows others', () => {
    const versionAt = (path: string): string | undefined => {
      const file = join(path, 'package.json')
      if (!existsSync(file)) return undefined
      const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
      return version
    }
    const wrong = ofUsers.flatMap(([at, { version, optional, devOptional }]) => {
      const found = versionAt(join(packed, at))
      // Those of other systems, and types that only a compiler asks for, may be left out.
      const mayMiss = optional || devOptional
      return found === version || (found === undefined && mayMiss) ? [] : [`${at}: ${found}, not ${version}`]
    })
    expect(ofUsers.length).toBeGreaterThan(100)
    expect(wrong).toEqual([])
  })

  test('runs when it was installed without the scripts of any package', async () => {
    const said = await run(process.execPath, [join(packed, 'dist/cli/main.js'), '--version'])
    expect(said).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ogent\/\d/) })
  })
})

test('npm run sbom lists every package that users install, with its version, and no registry', async () => {
  const { code, stdout, stderr } = await run('npm', ['run', '--silent', 'sbom'], { cwd: repository })
  expect(code, stderr).toBe(0)
  expect(stdout).not.toMatch(HOST)
  const bom: { bomFormat: string; components: { 'bom-ref': string }[] } = JSON.parse(stdout)
  expect(bom.bomFormat).toBe('CycloneDX')
  const listed = new Set(bom.components.map((component) => component['bom-ref']))
  const missing = ofUsers
    .filter(([, { optional, devOptional }]) => !optional && !devOptional)
    .map(
      ([at, { version }]) =>
        `${at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`,
    )
    .filter((name) => !listed.has(name))
  expect(missing).toEqual([])
})

test('every base image has a version of at least two numbers, and a supported Node.js', () => {
  const files = ['docker/Dockerfile', 'docker/ssh-target.Dockerfile', 'docker-compose.yml']
  const images = files.flatMap((file) =>
    [...readRepository(file).matchAll(/^(?:FROM| +image:) (\S+:\S+)/gm)].map(([, image = '']) => image),
  )
  expect(images.length).toBeGreaterThan(3)
  for (const image of images) expect(image).toMatch(/^[a-z]+:\d+\.\d+/)
  for (const image of images.filter((one) => one.startsWith('node:')))
    expect(image).toMatch(/^node:24\.\d+\.\d+-/)
})

test('the guide installs by the lock and without the scripts of packages', () => {
  const installs = [...readRepository('docs/install-agent.md').matchAll(/^sudo npm (?:ci|install).*/gm)]
  expect(installs.map(([line]) => line)).toEqual(['sudo npm ci --ignore-scripts'])
})
