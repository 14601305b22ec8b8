import type { TransportServices } from '../services.js'
import { type HttpCall, json, type Route } from './route.js'

export type ServiceOptions = {
  services: TransportServices
  /** The state of each dependency; `ready` where all is well. */
  ready: () => Promise<Record<string, string>>
  /** What is not as it should be, and does not keep the controller from its work: a sentence for each, by what it is about. */
  notices?: () => Record<string, string>
  version: string
}

/** How the controller itself is, for people and probes. */
export function serviceRoutes(options: ServiceOptions): Route[] {
  return [
    {
      method: 'GET',
      path: '/',
      id: 'welcome',
      tag: 'service',
      summary: 'Say hello, with the version',
      access: 'open',
      replies: { 200: { description: 'The controller answers.', content: json('Welcome') } },
      errors: [],
      handle: () => ({ message: 'Welcome to Ogent', version: options.version, documentation: '/docs' }),
    },
    {
      method: 'GET',
      path: '/health',
      id: 'health',
      tag: 'service',
      summary: 'Tell whether the process is alive',
      access: 'open',
      replies: { 200: { description: 'It is.', content: json('Health') } },
      errors: [],
      handle: () => ({ status: 'healthy' }),
    },
    {
      method: 'GET',
      path: '/ready',
      id: 'ready',
      tag: 'service',
      summary: 'Tell whether the controller can do its work',
      access: 'open',
      replies: {
        200: { description: 'Every dependency is well.', content: json('Readiness') },
        503: { description: 'One of them is not; it is named.', content: json('Readiness') },
      },
      errors: [],
      handle: readiness(options),
    },
  ]
}

function readiness({ ready, notices, services }: ServiceOptions) {
  let logged = ''
  return async ({ request: { caller }, reply }: HttpCall) => {
    const causes = await ready()
    const isReady = Object.values(causes).every((state) => state === 'ready')
    const said = JSON.stringify(causes)
    if (!isReady && said !== logged) services.log.warn({ dependencies: causes }, 'not ready')
    logged = said
    const isKnown = caller !== undefined && services.policy.may(caller, 'service.view')
    const dependencies = isKnown ? causes : withoutCauses(causes)
    const told = Object.entries(notices?.() ?? {})
    const more =
      told.length > 0
        ? { notices: Object.fromEntries(told.map(([name, why]) => [name, isKnown ? why : 'behind'])) }
        : {}
    const status = isReady ? 'ready' : 'unavailable'
    return reply.status(isReady ? 200 : 503).send({ status, dependencies, ...more })
  }
}

/** The store's own words may tell of addresses and versions: they are for who is known, and in the log. */
function withoutCauses(causes: Record<string, string>): Record<string, string> {
  const states = Object.entries(causes).map(([name, state]) => [
    name,
    state === 'ready' ? 'ready' : 'unavailable',
  ])
  return Object.fromEntries(states)
}
