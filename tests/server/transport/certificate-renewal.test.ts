import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createController } from '../../../src/server/app.js'
import { controllerSettings } from '../../../src/server/config.js'
import { readTls, watchTls } from '../../../src/server/tls.js'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { silent } from '../../support/system.js'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())
const TLS_CERT = join(folder.path, 'cert.pem')
const TLS_KEY = join(folder.path, 'key.pem')
const settings = controllerSettings({ TLS_CERT, TLS_KEY, PORT: '0', DATA_DIR: join(folder.path, 'data') })

type Pair = { cert: string; private: string }
let pairs: [Pair, Pair]
beforeAll(async () => {
  const make = (name: string) => generate([{ name: 'commonName', value: name }], { keySize: 2048 })
  pairs = await Promise.all([make('first'), make('second')])
})

/** As programs that renew certificates do: each file is there whole or not at all. */
function place(cert: string, key: string): void {
  for (const [file, text] of [
    [TLS_KEY, key],
    [TLS_CERT, cert],
  ] as const) {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

/** The name in the certificate of a new connection. */
async function nameAt(port: number): Promise<unknown> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

test('a renewed certificate is used without a restart; one that cannot be used is logged, and the last one kept', async () => {
  const [first, second] = pairs
  place(first.cert, first.private)
  const tls = readTls(settings)
  if (!tls) throw new Error('Both files are set.')
  const server = createServer(tls).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const said: [level: string, sentence: string, why: unknown][] = []
  const hear = (level: string) => (fields: object, sentence: string) =>
    void said.push([level, sentence, 'why' in fields ? fields.why : undefined])
  const log = { ...silent, debug() {}, info: hear('info'), warn: hear('warn'), error: hear('error') }
  const watch = watchTls(settings, tls, server, log, 20)
  try {
    expect(await nameAt(port)).toBe('first')
    place(second.cert, first.private)
    await until('it says so', () => said.length > 0)
    const [level, sentence, why] = said[0] ?? []
    expect([level, sentence]).toEqual(['error', 'the new certificate cannot be used: the last one stays'])
    expect(why).toMatch(/^TLS_KEY: .*the key of another one/)
    writeFileSync(TLS_CERT, 'no certificate')
    await until('it says so', () => said.length > 1)
    expect(said[1]?.[2]).toMatch(/^TLS_CERT: .*there is none in it/)
    expect(await nameAt(port)).toBe('first')
    place(second.cert, second.private)
    await until('it has the new one', async () => (await nameAt(port)) === 'second')
    expect(said.slice(2)).toEqual([['info', 'the port has a new certificate', undefined]])
  } finally {
    watch.close()
    server.close()
  }
})

test('a running controller uses a certificate that is renewed', async () => {
  const [first, second] = pairs
  place(first.cert, first.private)
  const controller = await createController({ settings, log: silent })
  try {
    const port = Number(new URL(controller.url).port)
    expect(await nameAt(port)).toBe('first')
    place(second.cert, second.private)
    await until('it has the new one', async () => (await nameAt(port)) === 'second')
  } finally {
    await controller.close()
  }
}, 300_000)
