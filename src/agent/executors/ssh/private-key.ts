import { createPrivateKey, type KeyObject } from 'node:crypto'
import ssh2, { type ParsedKey } from 'ssh2'
import { messageOf } from '../../../shared/errors.js'

/** The forms that Node.js reads: PKCS#8, encrypted or not, and the older ones of OpenSSL. */
const PEM = /^-----BEGIN ((ENCRYPTED|RSA|EC) )?PRIVATE KEY-----/m

/** A private key in any form that people have. Throws, with a sentence, where it cannot be used. */
export function parsePrivateKey(text: Buffer, passphrase: string | undefined): ParsedKey {
  const pem = PEM.exec(text.toString('latin1'))
  const key = parse(pem ? fromPem(text.subarray(pem.index), passphrase) : text, passphrase)
  if (key instanceof Error) throw key
  if (!key.isPrivateKey()) throw new Error('it holds a public key; the private one is needed')
  return key
}

function parse(text: Buffer | string, passphrase: string | undefined): ParsedKey | Error {
  const parsed: unknown = ssh2.utils.parseKey(text, passphrase)
  // ssh2 gives a list for the formats that may hold several keys, which its types leave out.
  return (Array.isArray(parsed) ? parsed[0] : parsed) as ParsedKey | Error
}

/** ssh2 reads few of these forms: each key is brought into the one that it reads for keys of that kind. */
function fromPem(text: Buffer, passphrase: string | undefined): string {
  const key = open(text, passphrase)
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return String(key.export({ type: 'pkcs1', format: 'pem' }))
    case 'ec':
      return String(key.export({ type: 'sec1', format: 'pem' }))
    case 'ed25519':
      return openSshForm(key)
    default:
      throw new Error(`its kind, ${key.asymmetricKeyType}, is none that SSH knows (ed25519, ECDSA, RSA)`)
  }
}

function open(text: Buffer, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: text, format: 'pem', passphrase })
  } catch (cause) {
    const isEncrypted = /^(-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text.toString('latin1'))
    if (!isEncrypted) throw new Error(`it is damaged: ${messageOf(cause)}`)
    throw new Error(passphrase === undefined ? 'it is encrypted; a passphrase is needed' : WRONG_PASSPHRASE)
  }
}

const WRONG_PASSPHRASE = 'the passphrase does not open it, or it is damaged'

/** `openssh-key-v1`, without encryption: PROTOCOL.key of OpenSSH. There is no other form of ed25519 that ssh2 reads. */
function openSshForm(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const type = field('ssh-ed25519')
  const check = Buffer.alloc(8)
  const secret = [check, type, field(point), field(Buffer.concat([seed, point])), field('')]
  const length = secret.reduce((sum, { length }) => sum + length, 0)
  // To a multiple of 8 bytes, with 1, 2, 3 and so on.
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, n) => n + 1))
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    number(1),
    field(Buffer.concat([type, field(point)])),
    field(Buffer.concat([...secret, padding])),
  ])
  const lines = whole.toString('base64').replace(/(.{70})/g, '$1\n')
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function field(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data)
  return Buffer.concat([number(bytes.length), bytes])
}
