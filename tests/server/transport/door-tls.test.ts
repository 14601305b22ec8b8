import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { SmallController } from '../../support/small-controller.js'

const folder = temporaryFolder()
let controller: SmallController
beforeAll(async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
  })
  const files = { TLS_CERT: join(folder.path, 'cert.pem'), TLS_KEY: join(folder.path, 'key.pem') }
  writeFileSync(files.TLS_CERT, cert)
  writeFileSync(files.TLS_KEY, key)
  controller = await SmallController.start({ env: files })
}, 300_000)
afterAll(async () => {
  await controller[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

function health(localAddress: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { localAddress, rejectUnauthorized: false, agent: false }
    get(`https://127.0.0.1:${controller.port}/health`, options, (reply) => {
      reply.resume()
      resolve(reply.statusCode)
    }).once('error', reject)
  })
}

test.each([
  { what: 'begins no TLS', from: '127.0.4.1', secure: false, text: '' },
  { what: 'speaks no TLS', from: '127.0.4.2', secure: false, text: 'GET / HTTP/1.1\r\n\r\n' },
  { what: 'says nothing over TLS', from: '127.0.4.3', secure: true, text: '' },
])(
  'the place of a stranger is given to the next one when it $what and never closes',
  async ({ from, secure, text }) => {
    const held = await Promise.all(
      Array.from({ length: 50 }, async (): Promise<Socket> => {
        const raw = connect({
          port: controller.port,
          host: '127.0.0.1',
          localAddress: from,
          allowHalfOpen: true,
        })
        const socket = secure ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw
        raw.on('error', () => {})
        socket.on('error', () => {})
        await once(socket, secure ? 'secureConnect' : 'connect')
        if (text !== '') socket.write(text)
        socket.pause()
        return raw
      }),
    )
    // What waits longer than 30 s is ended without an answer.
    expect(await health(from)).toBe(200)
    for (const socket of held) socket.destroy()
  },
  300_000,
)
