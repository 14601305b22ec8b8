import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import { SshExecutor } from '../../../../src/agent/executors/ssh/executor.js'
import { parsePrivateKey } from '../../../../src/agent/executors/ssh/private-key.js'
import { runOn } from '../../../suites/executor-suite.js'
import { Sshd, silent, whyNoSshd } from '../../../support/sshd.js'

const PASSPHRASE = 'open sesame'
const encrypted = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE }

type Form = [name: string, text: string, passphrase?: string]

function pkcs8(kind: string, key: KeyObject): Form[] {
  const options = { type: 'pkcs8', format: 'pem' } as const
  return [
    [`${kind} in PKCS#8`, String(key.export(options))],
    [`${kind} in PKCS#8 with a passphrase`, String(key.export({ ...options, ...encrypted })), PASSPHRASE],
  ]
}

function openSslForms(kind: string, key: KeyObject, type: 'sec1' | 'pkcs1'): Form[] {
  const options = { type, format: 'pem' } as const
  return [
    [`${kind} in ${type}`, String(key.export(options))],
    [`${kind} in ${type} with a passphrase`, String(key.export({ ...options, ...encrypted })), PASSPHRASE],
  ]
}

const ed25519 = generateKeyPairSync('ed25519').privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const curves = ['P-256', 'P-384', 'P-521'].map((namedCurve) => {
  return { name: `ECDSA ${namedCurve}`, key: generateKeyPairSync('ec', { namedCurve }).privateKey }
})
const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
const forms: Form[] = [
  ...pkcs8('ed25519', ed25519),
  ...pkcs8('RSA', rsa),
  ...openSslForms('RSA', rsa, 'pkcs1'),
  ...curves.flatMap(({ name, key }) => [...pkcs8(name, key), ...openSslForms(name, key, 'sec1')]),
  [
    'ECDSA behind its parameters',
    `${parameters}${openSslForms('', curves[0]?.key ?? ed25519, 'sec1')[0]?.[1]}`,
  ],
  ['ed25519 with the line ends of Windows', String(pkcs8('', ed25519)[0]?.[1]).replaceAll('\n', '\r\n')],
]

const skip = whyNoSshd()
const title = 'a key file'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  test.each(forms)('logs in when it holds %s', { timeout: 300_000 }, async (_name, text, keyPassphrase) => {
    await using sshd = await Sshd.start()
    const keyPath = join(sshd.folder, 'odd-key')
    writeFileSync(keyPath, text)
    const parsed = parsePrivateKey(Buffer.from(text), keyPassphrase)
    writeFileSync(`${sshd.userKey}.pub`, `${parsed.type} ${parsed.getPublicSSH().toString('base64')}\n`)
    const executor = new SshExecutor(sshd.settings({ keyPath, keyPassphrase, timeoutMs: 30_000 }), {
      log: silent,
    })
    try {
      expect((await runOn(executor, 'echo in')).stdout.toString()).toBe('in\n')
    } finally {
      await executor.close()
    }
  })
})

describe('a key that cannot be used is refused with the reason', () => {
  const [plain = '', locked = ''] = pkcs8('', ed25519).map(([, text]) => text)
  const legacy = openSslForms('', rsa, 'pkcs1')[1]?.[1] ?? ''
  const x25519 = pkcs8('', generateKeyPairSync('x25519').privateKey)[0]?.[1] ?? ''
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
  test.each([
    ['its passphrase is missing', locked, undefined, 'it is encrypted; a passphrase is needed'],
    [
      'the passphrase of the older form is missing',
      legacy,
      undefined,
      'it is encrypted; a passphrase is needed',
    ],
    ['its passphrase is wrong', locked, 'wrong', 'the passphrase does not open it'],
    ['it is damaged', plain.replace(/M/g, '!'), undefined, 'it is damaged'],
    ['SSH knows no such kind', x25519, undefined, 'its kind, x25519, is none that SSH knows'],
    ['SSH knows no such curve', pkcs8('', koblitz)[0]?.[1] ?? '', undefined, 'EC OID'],
  ])('when %s', (_when, text, passphrase, sentence) => {
    expect(() => parsePrivateKey(Buffer.from(text), passphrase)).toThrow(sentence)
  })

  test('when it is the public key', () => {
    const { public: text } = ssh2.utils.generateKeyPairSync('ed25519')
    expect(() => parsePrivateKey(Buffer.from(text), undefined)).toThrow('it holds a public key')
  })
})
