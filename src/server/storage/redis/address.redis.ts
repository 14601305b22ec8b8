import type { ClusterOptions, RedisOptions } from 'ioredis'

/** Where Redis is, as `REDIS_URL` says it. */
export type RedisAddress =
  | { kind: 'single' | 'sentinel'; options: RedisOptions; shown: string }
  | { kind: 'cluster'; nodes: Node[]; options: ClusterOptions; shown: string }

type Node = { host: string; port: number }

const FORM =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[^:,[\]]+)(?::(\d{1,5}))?$/

/**
 * Reads one of `redis://[user:password@]host[:port][/db]`, `redis+sentinel://…host,host…/name[/db]` and
 * `redis+cluster://…host,host…`; `rediss` for TLS. Throws a sentence that repeats nothing of the URL, since
 * there may be a password in it.
 */
export function redisAddress(url: string): RedisAddress {
  const [, scheme, kind = 'single', user, password, hosts = '', path = '', query] = url.match(FORM) ?? []
  if (scheme === undefined) throw wrong('it is not of a form that is known')
  const tls = scheme === 'rediss' ? { tls: {} } : {}
  const common = { ...namePassword(user, password), ...tls }
  const shown = `${scheme}${kind === 'single' ? '' : `+${kind}`}://${hosts}`
  if (kind === 'cluster') {
    if (path !== '') throw wrong('a cluster has no database number')
    noQuery(query)
    return {
      kind,
      nodes: hosts.split(',').map((host) => node(host, 6379)),
      options: { redisOptions: common },
      shown,
    }
  }
  if (kind === 'sentinel') {
    const [name = '', db] = path.split('/')
    if (name === '') throw wrong('behind the sentinels it takes the name of their master: …/mymaster')
    const sentinels = hosts.split(',').map((host) => node(host, 26379))
    const options = {
      ...common,
      ...sentinelPassword(query),
      ...(scheme === 'rediss' ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
      sentinels,
      name: decoded(name),
      db: database(db),
    }
    return { kind, options, shown }
  }
  noQuery(query)
  const options = { ...common, ...node(hosts, 6379), db: database(path) }
  return { kind: 'single', options, shown }
}

function namePassword(user: string | undefined, password: string | undefined) {
  return {
    ...(user === undefined || user === '' ? {} : { username: decoded(user) }),
    ...(password === undefined || password === '' ? {} : { password: decoded(password) }),
  }
}

function sentinelPassword(query: string | undefined) {
  const given = new URLSearchParams(query ?? '')
  for (const name of given.keys()) {
    if (name !== 'sentinel_username' && name !== 'sentinel_password')
      throw wrong('after ? it takes sentinel_username and sentinel_password')
  }
  const username = given.get('sentinel_username')
  const password = given.get('sentinel_password')
  return {
    ...(username === null ? {} : { sentinelUsername: username }),
    ...(password === null ? {} : { sentinelPassword: password }),
  }
}

function noQuery(query: string | undefined): void {
  if (query !== undefined) throw wrong('it takes nothing after ?')
}

function node(text: string, standard: number): Node {
  const [, host, port] = text.match(HOST) ?? []
  if (host === undefined) throw wrong('a host is host or host:port, and commas separate several')
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? standard : Number(port) }
}

function database(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  if (!/^\d{1,4}$/.test(text)) throw wrong('a database is a number')
  return Number(text)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('a % in it is not followed by two hex digits')
  }
}

function wrong(why: string): Error {
  return new Error(`REDIS_URL cannot be read: ${why}.`)
}
