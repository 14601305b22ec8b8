import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from '../openapi/document.js'
import { type DocumentedRoute, type Route, type RouteServices, registerRoute } from './route.js'

/**
 * What the page may load: itself. Its styles are partly written by its script, so these may be inline; pictures
 * are partly data. Nothing comes from elsewhere, so the page works without the Internet.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** Where the page to try the API is. */
export const API_PAGE = '/docs/api'

/** The page, whose routes its library registers. */
export const docsPage: DocumentedRoute = {
  method: 'GET',
  path: API_PAGE,
  id: 'apiPage',
  tag: 'service',
  summary: 'Show a page to read and try this API',
  access: 'open',
  replies: {
    200: {
      description: 'The page.',
      content: { 'text/html': { plain: 'string', example: '<!doctype html>' } },
    },
  },
  errors: [],
}

/** The document of these routes and its own. */
export function documentRoute(version: string, routes: readonly DocumentedRoute[]): Route & { text: string } {
  const facts = {
    method: 'GET',
    path: '/openapi.json',
    id: 'openapi',
    tag: 'service',
    summary: 'Give this document',
    access: 'open',
    replies: {
      200: {
        description: 'OpenAPI 3.1.',
        content: {
          'application/json': { plain: 'object', example: { openapi: '3.1.0', info: { title: 'Ogent' } } },
        },
      },
    },
    errors: [],
  } satisfies DocumentedRoute
  const text = JSON.stringify(openApiDocument(version, [...routes, facts]))
  return { ...facts, text, handle: ({ reply }) => reply.type('application/json').send(text) }
}

/** `GET /openapi.json`, and a page to read and try the API. */
export function registerDocs(
  app: FastifyInstance,
  document: Route & { text: string },
  services: RouteServices,
): void {
  registerRoute(app, document, services)

  app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'open', uncounted: true }
    })
    docs.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', POLICY)
    })
    // The document is ready made; the plugin is there because the page's own asks for it.
    await docs.register(swagger, { mode: 'static', specification: { document: JSON.parse(document.text) } })
    await docs.register(swaggerUi, {
      routePrefix: API_PAGE,
      uiConfig: {
        // Without the bar of the library's own site.
        layout: 'BaseLayout',
        displayRequestDuration: true,
        tryItOutEnabled: true,
        // Its badge would send the document to a service on the Internet.
        validatorUrl: null,
      },
      theme: { title: 'Ogent' },
    })
  })
}
