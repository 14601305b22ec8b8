import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parse as parseEnv } from 'dotenv'
import { Redis } from 'ioredis'
import { describe, expect, test, vi } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { proxyFor } from '../../src/client/transport/proxy.js'
import { BackgroundProgram } from '../support/background.js'
import { temporaryFolder } from '../support/folder.js'
import { until } from '../support/processes.js'
import { run } from '../support/program.js'
import { readRepository, repository } from '../support/samples.js'
import { needs } from '../support/services.js'
import { startSystem } from '../support/system.js'

type Service = {
  image?: string
  init?: boolean
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  healthcheck?: { test: string[] }
  environment?: Record<string, string>
  restart?: string
  command?: string[]
  volumes?: (string | { type: string; target: string })[]
  stop_grace_period?: string
}

const compose: { services: Record<string, Service> } = parseYaml(readRepository('docker-compose.yml'), {
  merge: true,
})

describe('the image', () => {
  const [, last = ''] = readRepository('docker/Dockerfile').split(/^FROM .* AS build$/m)
  const final = last.slice(last.indexOf('\nFROM '))

  test('runs as an ordinary user, under an init process that reaps orphans', () => {
    expect(final).toMatch(/^USER node$/m)
    expect(final.indexOf('USER node')).toBeGreaterThan(final.lastIndexOf('RUN '))
    expect(final).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini",/m)
    expect(final).toMatch(/^HEALTHCHECK .*health\.mjs/m)
  })

  test('contains the build alone, and no secret passes through it', () => {
    expect(final.match(/^COPY .*/gm)?.filter((line) => !line.includes('--from=build'))).toEqual([
      'COPY --chmod=0644 docker/health.mjs ./',
    ])
    expect(last).not.toMatch(/^ARG|PASSWORD|SECRET|TOKEN|API_KEY/m)
    // All is left out but what is named: an .env beside the sources never reaches the build.
    expect(readRepository('.dockerignore').split('\n')[0]).toBe('*')
  })

  test('is readable for its user when the checkout is readable for its owner alone', () => {
    const kept = [...final.matchAll(/^COPY (.*) \.\/$/gm)].map(([, words]) => words)
    expect(kept.length).toBe(2)
    for (const words of kept) expect(words).toContain('--chmod=0644')
  })
})

describe('the SSH target', () => {
  const recipe = readRepository('docker/ssh-target.Dockerfile')

  test('is made of files, so that builders without heredocs copy them too', () => {
    expect(recipe).not.toMatch(/<</)
    const copied = [...recipe.matchAll(/^COPY --chmod=\d+ (\S+) /gm)].map(([, file = '']) => file)
    expect(copied).toEqual(['ssh-target/sshd.conf', 'ssh-target/start.sh'])
    for (const file of copied) expect(existsSync(join(repository, 'docker', file))).toBe(true)
  })

  test('does not start when no user could log in', async () => {
    const { code, stderr } = await run('/bin/sh', [join(repository, 'docker/ssh-target/start.sh')])
    expect({ code, stderr }).toEqual({ code: 64, stderr: expect.stringMatching(/SSH_AUTHORIZED_KEY/) })
  })
})

describe('docker-compose.yml', () => {
  const ours = Object.entries(compose.services).filter(([, { image }]) => image === 'ogent')

  test('gives our containers a read-only file system and only the rights that they need', () => {
    expect(ours.length).toBeGreaterThan(2)
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'], init: true })
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
    }
  })

  test('checks the health of every role that keeps running', () => {
    const lasting = ours.filter(([, { restart }]) => restart !== 'no')
    expect(lasting.length).toBeGreaterThan(1)
    for (const [name, { healthcheck }] of lasting)
      expect(healthcheck?.test.join(' '), name).toContain('health.mjs')
  })

  test('gives running commands as long to end as an agent does', () => {
    // 10 s to end by itself, KILL_GRACE_SECONDS, and a few to tell the controller.
    for (const [name, { restart, stop_grace_period }] of ours) {
      if (restart !== 'no') expect(Number.parseInt(stop_grace_period ?? '10', 10), name).toBeGreaterThan(21)
    }
  })

  test('leaves no unnamed volume behind', () => {
    for (const [name, { volumes = [] }] of ours) {
      const targets = volumes.map((one) => (typeof one === 'string' ? one.split(':')[1] : one.target))
      expect(targets, name).toContain('/data')
    }
  })

  test('starts a Redis that has its password and receives the stop signal itself', async () => {
    using folder = temporaryFolder()
    const redis = join(folder.path, 'redis-server')
    writeFileSync(redis, '#!/bin/sh\necho "process $$ arguments $*"\nexec cat\n')
    chmodSync(redis, 0o755)
    const [command = ''] = compose.services.redis?.command ?? []
    // What compose makes of it, and where the file is here.
    const script = command
      .replaceAll('$$', '$')
      .replace('/etc/ogent/redis.conf', join(repository, 'docker/redis.conf'))
    const env = { PATH: `${folder.path}:${process.env.PATH}`, REDIS_PASSWORD: 'pass$HOME`x`' }
    // The shell tells its own id: Redis has to have taken its place.
    const { stdout } = await run('/bin/sh', ['-c', `echo "process $$"\n${script}`], { env })
    const [shell, started = '', ...lines] = stdout.trimEnd().split('\n')
    expect(started).toBe(`${shell} arguments -`)
    expect(lines.at(-1)).toBe('requirepass pass$HOME`x`')
    // In a container every interface is the container's own, and what is kept is in the volume.
    expect(lines.slice(-3, -1)).toEqual(['bind * -::*', 'dir /data'])
    expect(lines.slice(0, -3).join('\n')).toBe(readRepository('docker/redis.conf').trimEnd())
  })

  test.skipIf(needs('redis-server'))(
    'has a configuration of Redis that is good outside of it as well, and keeps to its folder and machine',
    async () => {
      using folder = temporaryFolder()
      const socket = join(folder.path, 'socket')
      const args = [join(repository, 'docker/redis.conf'), '--unixsocket', socket]
      // The one change: no port of the machine is taken.
      await using redis = new BackgroundProgram('redis-server', [...args, '--port', '0'], {
        cwd: folder.path,
      })
      await redis.line(/(ready to accept connections) at/)
      const client = new Redis(socket)
      await client.set('kept', 'here')
      expect(await client.config('GET', 'bind')).toEqual(['bind', '127.0.0.1 -::1'])
      client.disconnect()
      expect(existsSync(join(folder.path, 'appendonlydir'))).toBe(true)
    },
  )

  test.each<Record<string, string>>([{}, { NO_PROXY: 'inside.example' }, { no_proxy: 'inside.example' }])(
    'has the agent reach its controller without the proxy of Docker, and heeds an inherited %j',
    async (inherited) => {
      const { environment = {} } = compose.services.agent ?? {}
      // A shell reads these as compose does.
      const text = `printf '%s\n' "${environment.NO_PROXY}" "${environment.no_proxy}"`
      const { stdout } = await run('sh', ['-c', text], { env: inherited })
      const [upper = '', lower = ''] = stdout.split('\n')
      const docker = { HTTP_PROXY: 'http://proxy.example:3128', http_proxy: 'http://proxy.example:3128' }
      for (const [name, value] of Object.entries({ ...docker, NO_PROXY: upper, no_proxy: lower }))
        vi.stubEnv(name, value)
      const isProxied = (address: string) => proxyFor(new URL(address)) !== undefined
      expect(isProxied(environment.CONTROLLER_URL ?? '')).toBe(false)
      expect(isProxied('http://inside.example')).toBe(Object.keys(inherited).length === 0)
      expect(isProxied('http://other.example')).toBe(true)
      vi.unstubAllEnvs()
    },
  )

  test('contains no password', () => {
    for (const [name, { environment = {} }] of Object.entries(compose.services)) {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD|SECRET|TOKEN|KEY/.test(variable))
          expect(value, `${name}: ${variable}`).toMatch(/^\$\{[A-Z_]+:/)
      }
    }
  })

  test('is valid for docker compose', async () => {
    using folder = composeFolder()
    const client = await run('docker', ['compose', 'version'], { cwd: folder.path }).catch(() => ({
      code: 1,
    }))
    if (client.code !== 0) {
      process.stderr.write('docker compose is not installed: docker-compose.yml was only read as YAML.\n')
      return
    }
    await makeEnv(folder.path)
    const { code, stderr } = await run('docker', ['compose', 'config', '--quiet'], { cwd: folder.path })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('npm run compose:env', () => {
  test('generates every secret that the compose file requires, for its owner alone', async () => {
    using one = composeFolder()
    using two = composeFolder()
    const made = await makeEnv(one.path)
    await makeEnv(two.path)
    expect(made.code).toBe(0)
    const file = join(one.path, '.env')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const values = parseEnv(readFileSync(file, 'utf8'))
    const others = parseEnv(readFileSync(join(two.path, '.env'), 'utf8'))
    const asked = [...readRepository('docker-compose.yml').matchAll(/\$\{([A-Z_]+):\?/g)].map(
      ([, name]) => name,
    )
    expect(Object.keys(values).sort()).toEqual([...new Set(asked)].sort())
    expect(new Set([...Object.values(values), ...Object.values(others)]).size).toBe(
      2 * Object.keys(values).length,
    )
    for (const value of Object.values(values)) {
      expect(value.length).toBeGreaterThanOrEqual(32)
      expect(made.stdout).not.toContain(value)
    }
  })

  test('leaves an existing file unchanged, and says what it lacks', async () => {
    using folder = composeFolder()
    const file = join(folder.path, '.env')
    writeFileSync(file, 'ADMIN_PASSWORD=mine\n')
    const { code, stderr } = await makeEnv(folder.path)
    expect(readFileSync(file, 'utf8')).toBe('ADMIN_PASSWORD=mine\n')
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/lacks AGENT_PASSWORD/) })
  })
})

describe('the health check', () => {
  const check = async (role: string, env: Record<string, string>) =>
    (await run(process.execPath, [join(repository, 'docker/health.mjs'), role], { env })).code

  test('of a controller passes while it is ready, and fails when it is gone', async () => {
    const system = await startSystem({ agent: false })
    const env = { PORT: new URL(system.url).port }
    expect(await check('controller', env)).toBe(0)
    await system[Symbol.asyncDispose]()
    expect(await check('controller', env)).toBe(1)
  })

  test('of an agent passes while its link is up and fresh, and fails otherwise', async () => {
    await using system = await startSystem()
    const env = { AGENT_STATE_DIR: join(system.folder, 'agent-1') }
    expect(await check('agent', env)).toBe(0)
    // An agent that hangs no longer touches its mark.
    const mark = join(system.folder, 'agent-1', 'linked')
    const old = new Date(Date.now() - 60_000)
    utimesSync(mark, old, old)
    expect(await check('agent', env)).toBe(1)
    await until('it is touched again', async () => (await check('agent', env)) === 0)
    await system.controller.close()
    await until('the loss of the link shows', async () => (await check('agent', env)) === 1)
  })
})

/** A folder that has the compose file, and what makes its secrets up. */
function composeFolder() {
  const folder = temporaryFolder()
  copyFileSync(join(repository, 'docker-compose.yml'), join(folder.path, 'docker-compose.yml'))
  return folder
}

function makeEnv(cwd: string) {
  return run(process.execPath, [join(repository, 'docker/compose-env.mjs')], { cwd })
}
