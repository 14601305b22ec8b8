import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RedisJournal } from '../../../src/server/journal/redis/journal.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { newCommand } from '../../suites/journal-suite.js'
import { until } from '../../support/processes.js'
import { TcpProxy } from '../../support/proxy.js'
import { freePort, RedisProcess, RedisSentinelProcess } from '../../support/redis.js'
import { Role } from '../../support/roles.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const keepMs = 3600 * 1000

describe.skipIf(needs('redis-server'))('a connection to Redis', () => {
  test('is opened with an account and its password, and refused with the reason without', async () => {
    const config = ['user ogent on >pa@ss allcommands allkeys allchannels', 'user default off']
    await using redis = await RedisProcess.start({ config })
    const at = `127.0.0.1:${redis.port}`
    const server = await RedisServer.open(`redis://ogent:pa%40ss@${at}`, silent)
    await new RedisJournal(server, { keepMs }).check()
    await server.close()
    await expect(RedisServer.open(`redis://ogent:wrong@${at}`, silent)).rejects.toThrow(/WRONGPASS/)
  }, 40_000)

  test('answers UNAVAILABLE when it is lost during a call, and reconnects by itself', async () => {
    await using redis = await RedisProcess.start()
    await using proxy = await TcpProxy.start(() => redis.port, { raw: true })
    const server = await RedisServer.open(`redis://127.0.0.1:${proxy.port}`, silent)
    proxy.stall()
    const asked = server.call('ping')
    proxy.resume()
    proxy.close()
    await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    proxy.resume()
    await server.patiently(() => server.call('ping'))
    await server.close()
  })

  test('loads its scripts again when Redis has lost them', async () => {
    await using redis = await RedisProcess.start()
    const server = await RedisServer.open(redis.url, silent)
    const store = new RedisJournal(server, { keepMs })
    await store.create(newCommand('c1'))
    using client = redis.client()
    await client.script('FLUSH')
    await store.create(newCommand('c2'))
    expect((await store.state('c1'))?.last_seq).toBe(1)
    await store.close()
  })

  test('tells a listener that was cut off that it may have missed messages', async () => {
    await using redis = await RedisProcess.start()
    await using proxy = await TcpProxy.start(() => redis.port, { raw: true })
    const server = await RedisServer.open(`redis://127.0.0.1:${proxy.port}`, silent)
    const heard: string[] = []
    server.notifications.listen('news', (word) => heard.push(word))
    await until('the channel is open', () => heard.length === 1)
    using client = redis.client()
    await client.publish('news', 'one')
    await until('it hears a word', () => heard.includes('one'))
    proxy.close()
    await client.publish('news', 'lost')
    const before = heard.length
    proxy.resume()
    // Not the word itself, but that it is time to look.
    await until('it is told to look again', () => heard.length > before)
    expect(heard).not.toContain('lost')
    await server.close()
  })

  test('finds the master by its sentinels, and the next one when it dies', async () => {
    await using master = await RedisProcess.start()
    await using replica = await RedisProcess.start({ config: [`replicaof 127.0.0.1 ${master.port}`] })
    await using sentinel = await RedisSentinelProcess.start('ours', master)
    const server = await RedisServer.open(`redis+sentinel://127.0.0.1:${sentinel.port}/ours`, silent)
    const store = new RedisJournal(server, { keepMs })
    await store.create(newCommand('c1'))
    using client = replica.client()
    await until('the replica has it', async () => (await client.exists('ogent:{c1}:head')) === 1)
    await master.end('SIGKILL')
    await until(
      'the replica is the master',
      async () => (await server.patiently(() => store.create(newCommand('c2')))).created,
      30_000,
    )
    expect((await store.state('c1'))?.last_seq).toBe(1)
    await store.close()
  }, 300_000)
})

describe.skipIf(needs('redis-server') || needs('openssl'))('a connection to Redis with TLS', () => {
  test('is refused when the certificate is not trusted', async () => {
    const port = await freePort()
    await using redis = await RedisProcess.start({
      prepare: (folder) => {
        const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
        const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
        const subject = ['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
        execFileSync('openssl', [...args, ...files, ...subject], { stdio: 'ignore' })
        return [
          `tls-port ${port}`,
          `tls-cert-file ${join(folder, 'cert.pem')}`,
          `tls-key-file ${join(folder, 'key.pem')}`,
          'tls-auth-clients no',
        ]
      },
    })
    const open = RedisServer.open(`rediss://127.0.0.1:${port}`, silent, { startWaitMs: 500 })
    await expect(open).rejects.toThrow(/self-signed certificate/)
    const vouched = `
      const { RedisServer } = await import(dist + 'server/storage/redis/server.redis.js')
      const log = { debug() {}, info() {}, warn() {}, error() {} }
      const server = await RedisServer.open('rediss://127.0.0.1:${port}', log)
      console.log(String(await server.call('ping')))
      await server.close()
    `
    await using script = Role.script(vouched, { NODE_EXTRA_CA_CERTS: join(redis.folder, 'cert.pem') })
    await script.says(/^PONG/)
  })
})
