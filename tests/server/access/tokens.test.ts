import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { JwtTokens } from '../../../src/server/access/tokens.js'
import { createController } from '../../../src/server/app.js'
import { Controllers } from '../../support/controllers.js'
import { temporaryFolder } from '../../support/folder.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { accounts, silent } from '../../support/system.js'

const KEY = 'one key that two deployments have in common'
const ann = {
  username: 'ann',
  role: 'operator',
  user_id: 'user-1',
  session_id: 'session-1',
  generation: 3,
} as const

/** A token that whoever has the key could sign. */
function forged(audience: string, seconds: number, iat: number | undefined): Promise<string> {
  const token = new SignJWT({ role: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ann')
    .setIssuer('ogent')
    .setAudience(audience)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .setJti(randomUUID())
  if (iat !== undefined) token.setIssuedAt(iat)
  return token.sign(new TextEncoder().encode(KEY))
}

describe('a token', () => {
  const tokens = new JwtTokens(KEY, 30, 'production')
  const now = () => Math.floor(Date.now() / 1000)
  const { username, user_id, session_id, generation } = ann
  const proven = { username, user_id, session_id, generation }
  const refused = { code: 'UNAUTHORIZED', message: 'Could not validate credentials' }

  test('is accepted by the deployment that issued it, and not by another one with the same key', async () => {
    const { access_token } = await tokens.issue(ann)
    expect(await tokens.verify(access_token)).toMatchObject(proven)
    expect(await new JwtTokens(KEY, 30, 'production').verify(access_token)).toMatchObject(proven)
    await expect(new JwtTokens(KEY, 30, 'staging').verify(access_token)).rejects.toMatchObject(refused)
  })

  test('may not live longer than the setting allows when someone else signed it with the key', async () => {
    expect(await tokens.verify(await forged('ogent:production', 1800, now()))).toMatchObject({
      role: 'admin',
    })
    for (const token of [
      await forged('ogent:production', 1801, now() - 10),
      await forged('ogent:production', 31 * 365 * 86_400, now()),
      await forged('ogent:production', 60, undefined),
      await forged('ogent', 60, now()),
    ]) {
      await expect(tokens.verify(token)).rejects.toMatchObject(refused)
    }
  })
})

async function tokenOf(url: string, { username, password } = accounts.operator): Promise<string> {
  const body = new URLSearchParams({ username, password })
  const reply = (await (await fetch(`${url}/token`, { method: 'POST', body })).json()) as {
    access_token: string
  }
  return reply.access_token
}

const statusFor = async (url: string, token: string) =>
  (await fetch(`${url}/agents`, { headers: { authorization: `Bearer ${token}` } })).status

test('a token outlives a restart of its controller, and is refused by another data folder with the same key', async () => {
  using folder = temporaryFolder()
  const start = (name: string) =>
    createController({
      settings: { PORT: 0, DATA_DIR: `${folder.path}/${name}`, SECRET_KEY: KEY, ADMIN_PASSWORD: 'p' },
      users: [accounts.operator],
      log: silent,
    })
  const first = await start('production')
  const token = await tokenOf(first.url)
  await first.close()
  const [again, other] = await Promise.all([start('production'), start('staging')])
  try {
    expect([await statusFor(again.url, token), await statusFor(other.url, token)]).toEqual([200, 401])
  } finally {
    await Promise.all([again.close(), other.close()])
  }
})

test.skipIf(needs('redis-server'))(
  "controllers of one Redis accept each other's tokens, and not those of another Redis",
  async () => {
    await using ours = await RedisProcess.start()
    await using theirs = await RedisProcess.start()
    await using production = await Controllers.start(ours.url)
    await using staging = await Controllers.start(theirs.url, { count: 1 })
    const token = await production.token(0)
    expect(await statusFor(production.url(1), token)).toBe(200)
    expect(await statusFor(staging.url(0), token)).toBe(401)
  },
  90_000,
)
