import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { openApiDocument } from '../openapi/document.js'

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

/** `GET /openapi.json`, and a page to read and try the API. */
export function registerDocs(app: FastifyInstance, version: string): void {
  const open = { config: { access: 'open' } } as const
  const text = JSON.stringify(openApiDocument(version))
  app.get('/openapi.json', open, async (_request, reply) => reply.type('application/json').send(text))

  app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'open' }
    })
    docs.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', POLICY)
    })
    // The document is ready made; the plugin is there because the page's own asks for it.
    await docs.register(swagger, { mode: 'static', specification: { document: JSON.parse(text) } })
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
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
