import Fastify, { type RouteOptions } from 'fastify'
import { createRouter } from '../../src/server/router.js'
import { createRoutes, registerRest } from '../../src/server/transport/http/rest.js'
import type { DocumentedRoute } from '../../src/server/transport/http/route.js'
import type { Access } from '../../src/shared/access/actions.js'

// Services are used only when an operation is called: here they are only counted.
const { appRouter, routes } = createRouter({} as never)
const options = {
  services: {} as never,
  routes,
  ready: async () => ({}),
  version: '0',
  metrics: async () => ({ type: '', text: '' }),
  metricsToken: undefined,
  know: () => {},
}

/** Every route that the code describes, by its method and path. */
export const described: Record<string, DocumentedRoute> = Object.fromEntries(
  createRoutes(options).documented.map((route) => [`${route.method} ${route.path}`, route]),
)

/** Every route that the code registers, such as `GET /agents/:agent_id`, with who may use it. */
export async function registeredRoutes(): Promise<Record<string, Access | undefined>> {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  const added: RouteOptions[] = []
  app.addHook('onRoute', (route) => void added.push(route))
  registerRest(app, options)
  await app.ready()
  const found: Record<string, Access | undefined> = {}
  for (const { method, url, config } of added) {
    const path = url.replace(/(?<=.)\/$/, '')
    // What the page of /docs/api loads is a part of that page, and the other pages of the guides are parts of /docs.
    if (path.startsWith('/docs/api/') || path === '/docs/*') continue
    for (const verb of [method].flat()) if (verb !== 'HEAD') found[`${verb} ${path}`] = config?.access
  }
  await app.close()
  return found
}

/** Every procedure that the code registers, by its path. */
export const procedures = appRouter._def.procedures
