import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtBundle, PROGRAM, startBundle } from '../support/bundle.js'
import { temporaryFolder } from '../support/folder.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { Sshd, whyNoSshd } from '../support/sshd.js'
import { type System, startSystem } from '../support/system.js'

const { version, optionalDependencies }: { version: string; optionalDependencies: Record<string, string> } =
  JSON.parse(readRepository('package.json'))
const file = join(builtBundle, PROGRAM)

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(() => system[Symbol.asyncDispose]())

describe('the bundled agent', () => {
  test('is one file of a few megabytes, with its hash beside it, its licenses and no source map', () => {
    const text = readFileSync(file, 'utf8')
    console.log(`${PROGRAM}: ${(text.length / 1000).toFixed(0)} kB`)
    expect(statSync(file).size).toBeLessThan(4_000_000)
    const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
    expect(readFileSync(`${file}.sha256`, 'utf8')).toBe(`${hash}  ${PROGRAM}\n`)
    expect(text.split('\n')[1]).toContain(`Ogent agent ${version}`)
    expect(text).not.toContain('sourceMappingURL')
    // What a license asks for, of a package that is surely in it.
    expect(text).toMatch(/\nssh2 \d[\s\S]*Permission is hereby granted/)
  })

  test('names no path of the machine that built it', () => {
    expect(readFileSync(file, 'utf8')).not.toContain(repository)
  })

  test('is made of the same bytes by another build', async () => {
    using folder = temporaryFolder('ogent-bundle-')
    const made = await run(process.execPath, ['packaging/bundle.mjs', folder.path], { cwd: repository })
    expect(made).toEqual({ code: 0, stdout: '', stderr: '' })
    const hash = readFileSync(join(folder.path, `${PROGRAM}.sha256`), 'utf8')
    expect(readFileSync(`${file}.sha256`, 'utf8')).toBe(hash)
  })

  test('says its version, and what is wrong with its settings, in an empty folder', async () => {
    using folder = temporaryFolder('ogent-bundle-')
    const said = (...args: string[]) =>
      run(process.execPath, [file, ...args], { cwd: folder.path, env: { HOME: folder.path } })
    expect(await said('--version')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`ogent-agent/${version} `),
    })
    expect(await said()).toMatchObject({ code: 64, stderr: expect.stringContaining('AGENT_USERNAME') })
    expect(await said('--nonsense')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--nonsense'),
    })
  })

  test('runs commands as an agent of this version, and reads settings from .env', async () => {
    await using agent = await startBundle(system, 'bundled')
    const result = await system.client().execute({ agent_id: 'bundled', command: 'echo $((6 * 7)); exit 3' })
    expect(result).toMatchObject({ stdout: '42\n', exit_code: 3 })
    const known = await system.client().agents.get('bundled')
    expect(known.agent_info.agent_version).toBe(version)
    expect(await agent.program.stop()).toBe(0)
  })

  test('judges in a thread of the same file what takes long to read', async () => {
    await using _ = await startBundle(system, 'guarded', { AGENT_GUARD: 'block' })
    // Too long to be read on the spot; it could do no harm, since there is no such disk.
    const command = `${'true;'.repeat(300)}mkfs.ext4 /dev/sdzz9`
    const refusal = () =>
      system
        .client()
        .execute({ agent_id: 'guarded', command })
        .then(
          () => undefined,
          (error: unknown) => error,
        )
    // The thread has 100 ms for each, which a busy machine may not give it at once.
    let refused = await refusal()
    for (let tries = 1; refused === undefined && tries < 30; tries++) refused = await refusal()
    expect(refused).toMatchObject({ code: 'COMMAND_REFUSED', risks: [expect.stringContaining('mkfs')] })
  })

  test('has nothing outside but what is optional', async () => {
    const text = readFileSync(file, 'utf8')
    const imported = [...text.matchAll(/(?:^|[;}\s])(?:import\(|import|from ?)"([^"]+)"/g)].map(
      ([, name]) => name,
    )
    const outside = imported.filter((name) => name && !isBuiltin(name) && /^[@\w]/.test(name))
    expect(Object.keys(optionalDependencies)).toContain('koffi')
    // Some proxies take Kerberos; what asks for it does without where it is missing.
    expect([...new Set(outside)].sort()).toEqual(['kerberos', 'koffi'])
  })
})

const noSshd = whyNoSshd()

describe.skipIf(noSshd !== undefined)(
  `the bundled agent over SSH${noSshd ? ` (skipped: ${noSshd})` : ''}`,
  () => {
    test('runs commands without the compiled parts of ssh2', async () => {
      await using sshd = await Sshd.start()
      const { host, port, username, keyPath, knownHostsPath } = sshd.settings()
      await using _ = await startBundle(system, 'bundled-ssh', {
        SSH_ENABLED: 'true',
        SSH_HOST: host,
        SSH_PORT: String(port),
        SSH_USERNAME: username,
        SSH_KEY_PATH: keyPath ?? '',
        SSH_KNOWN_HOSTS: knownHostsPath,
      })
      const command = 'echo over $SSH_CONNECTION | cut -d " " -f 1,2; cat'
      const request = { agent_id: 'bundled-ssh', command, execution_target: 'ssh', stdin: 'input' } as const
      expect(await system.client().execute(request)).toMatchObject({
        status: 'success',
        execution_type: 'ssh',
        stdout: 'over 127.0.0.1\ninput',
      })
    })
  },
)
