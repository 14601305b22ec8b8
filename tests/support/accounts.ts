import { expect } from 'vitest'
import { Session } from '../../src/client/transport/session.js'
import type { User } from '../../src/shared/access/users.js'
import { until } from './processes.js'

/** What tests do with accounts over REST, by tokens of their own. */

export const PASSWORD = 'a password of the tests'

type Answer<T> = { status: number; body: T }

/** A REST call with a token. */
export async function ask<T = Record<string, unknown>>(
  url: string,
  token: string | undefined,
  call: string,
  body?: unknown,
): Promise<Answer<T>> {
  const [method = '', path = ''] = call.split(' ')
  const reply = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await reply.text()
  // As the tests that ask for it know.
  return { status: reply.status, body: (text === '' ? {} : JSON.parse(text)) as T }
}

export async function logIn(url: string, username: string, password = PASSWORD): Promise<Answer<string>> {
  const reply = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username, password }),
  })
  const body = (await reply.json()) as { access_token?: string }
  return { status: reply.status, body: body.access_token ?? '' }
}

export async function tokenOf(url: string, username: string, password = PASSWORD): Promise<string> {
  const { status, body } = await logIn(url, username, password)
  expect(status, `the login of ${username}`).toBe(200)
  return body
}

/** Makes an account, and gives it. */
export async function makeUser(
  url: string,
  admin: string,
  username: string,
  roles: string[],
  more: Record<string, unknown> = { password: PASSWORD },
): Promise<User> {
  const { status, body } = await ask<User>(url, admin, 'POST /users', { username, roles, ...more })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}

/** A socket with this token that watches the agents; `ended`: whether it was closed because its account has changed. */
export async function openSocket(url: string, token: string) {
  const session = await Session.open({ url, token })
  let heard = false
  const call = { type: 'subscription', path: 'agents.events', input: undefined } as const
  session.call(call, {
    data: () => {
      heard = true
    },
    error: () => {},
    complete: () => {},
  })
  await until('it hears of the agents', () => heard)
  return {
    ended: async () => (await session.closed).message.includes('4401'),
    close: () => session.close(),
    get open() {
      return session.usable
    },
  }
}

export async function statusOf(url: string, token: string): Promise<number> {
  return (await ask(url, token, 'GET /users/me')).status
}
