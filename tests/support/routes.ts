import Fastify, { type RouteOptions } from 'fastify'
import { createRouter } from '../../src/server/router.js'
import { capabilityRoutes } from '../../src/server/routes.js'
import { registerRest } from '../../src/server/transport/http/rest.js'
import type { Access } from '../../src/shared/access/identity.js'

/** Every route that the code registers, such as `GET /agents/:agent_id`, with who may use it. */
export async function registeredRoutes(): Promise<Record<string, Access | undefined>> {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  const added: RouteOptions[] = []
  app.addHook('onRoute', (route) => void added.push(route))
  // The routes are only counted here, never called: they need no services.
  registerRest(app, {
    services: {} as never,
    routes: capabilityRoutes({} as never),
    ready: async () => ({}),
    version: '0',
    metrics: async () => ({ type: '', text: '' }),
    metricsToken: undefined,
    know: () => {},
  })
  await app.ready()
  const found: Record<string, Access | undefined> = {}
  for (const { method, url, config } of added) {
    const path = url.replace(/(?<=.)\/$/, '')
    // What the page of /docs loads is a part of that page.
    if (path.startsWith('/docs/')) continue
    for (const verb of [method].flat()) if (verb !== 'HEAD') found[`${verb} ${path}`] = config?.access
  }
  await app.close()
  return found
}

/** Every procedure that the code registers, by its path. Their services are used only when one is called. */
export const procedures = createRouter({} as never).appRouter._def.procedures
