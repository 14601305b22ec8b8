import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { SmallController } from '../../support/small-controller.js'

/** A proxy before Redis that can say something to the controller that was not asked for. */
async function talkativeProxy(port: number) {
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    clients.add(client)
    client.pipe(redis).pipe(client)
    const end = () => {
      clients.delete(client)
      client.destroy()
      redis.destroy()
    }
    for (const socket of [client, redis]) socket.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('It listens on a port.')
  return {
    url: `redis://127.0.0.1:${address.port}`,
    say: (text: string) => {
      for (const client of clients) client.write(text)
    },
    [Symbol.dispose]() {
      server.close()
      for (const client of clients) client.destroy()
    },
  }
}

describe.skipIf(needs('redis-server'))('a controller', () => {
  test('continues with new connections when Redis sends replies that were not requested', async () => {
    await using redis = await RedisProcess.start()
    using proxy = await talkativeProxy(redis.port)
    const SECRET_KEY = 'the-key-of-all-controllers-of-a-test'
    await using controller = await SmallController.start({ env: { REDIS_URL: proxy.url, SECRET_KEY } })
    for (const said of [
      '+surplus\r\n',
      '$-1\r\n',
      ':1\r\n',
      '-ERR nobody asked\r\n',
      '*-1\r\n',
      '_\r\n',
      '?bad\r\n',
    ]) {
      for (let count = 0; count < 3; count++) proxy.say(said)
      await expect
        .poll(async () => (await fetch(`${controller.url}/ready`).catch(() => undefined))?.status, {
          timeout: 25_000,
        })
        .toBe(200)
    }
    expect(controller.running).toBe(true)
    const headers = { authorization: `Bearer ${await controller.token()}` }
    expect((await fetch(`${controller.url}/commands`, { headers })).status).toBe(200)
  }, 300_000)
})
