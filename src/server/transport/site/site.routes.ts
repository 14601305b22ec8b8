import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'
import { API_PAGE } from '../http/docs.js'
import { isKnownTag } from '../http/known-etag.js'
import type { Route } from '../http/route.js'
import type { OpenSite, Site, SiteFile } from './files.js'

const DOCS = '/docs'

const NOT_BUILT =
  'This controller was built without its guides. A checkout of the repository builds them by `npm run docs:site`; the API is at /docs/api.'

/** Where people, and programs that read for a model, look first. */
export function siteRoutes(open: OpenSite): Route[] {
  return [
    {
      method: 'GET',
      path: DOCS,
      id: 'docs',
      tag: 'service',
      summary: 'Show the guides',
      access: 'open',
      replies: {
        200: {
          description: 'Their first page, at the address with a slash at its end.',
          content: { 'text/html': { plain: 'string', example: '<!doctype html>' } },
        },
        302: {
          description: 'They are at `/docs/`; a controller that was built without them leads to `/docs/api`.',
          headers: { Location: 'Its path.' },
        },
      },
      errors: [],
      handle: async ({ request, reply }) => {
        const site = await open()
        if (!site) return reply.redirect(API_PAGE)
        // The addresses in its pages are made of this one.
        if (!request.url.startsWith(`${DOCS}/`)) return reply.redirect(`${DOCS}/`)
        return send(request, reply, site, await listed(site, 'index.html'))
      },
    },
    {
      method: 'GET',
      path: '/llms.txt',
      id: 'llms',
      tag: 'service',
      summary: 'List the guides for a language model',
      description: 'As https://llmstxt.org has it. All guides in one text are at `/docs/llms-full.txt`.',
      access: 'open',
      replies: {
        200: {
          description: 'A list with links to the guides, in Markdown.',
          content: { 'text/plain': { plain: 'string', example: '# Ogent\n' } },
        },
        304: { description: 'What the caller has, by If-None-Match, is what there is.' },
      },
      errors: ['NOT_FOUND'],
      handle: async ({ request, reply }) => {
        const site = await built(open)
        return send(request, reply, site, await listed(site, 'llms.txt'))
      },
    },
  ]
}

/** All other files of the site. */
export function registerSite(app: FastifyInstance, open: OpenSite): void {
  app.get<{ Params: { '*': string } }>(
    `${DOCS}/*`,
    { config: { access: 'open', uncounted: true } },
    async (request, reply) => {
      const path = request.params['*']
      const site = await built(open)
      const file = await site.file(path)
      if (file) return send(request, reply, site, file)
      // As people type it.
      if (await site.file(`${path}.html`)) return reply.redirect(`${DOCS}/${path}.html`)
      const page = await site.file('404.html')
      if (!page || !request.headers.accept?.includes('text/html')) throw noPage(path)
      return send(request, reply.status(404), site, page)
    },
  )
}

async function built(open: OpenSite): Promise<Site> {
  const site = await open()
  if (site) return site
  throw new OgentError('NOT_FOUND', NOT_BUILT)
}

async function listed(site: Site, path: string): Promise<SiteFile> {
  const file = await site.file(path)
  if (file) return file
  throw noPage(path)
}

function noPage(path: string): OgentError {
  return new OgentError(
    'NOT_FOUND',
    `There is no page ${JSON.stringify(path)} in the guides: ${DOCS}/ leads to all of them.`,
  )
}

/** Of what may change under its name, caches have to ask whether it is still the same. */
function send(request: FastifyRequest, reply: FastifyReply, { policy }: Site, file: SiteFile) {
  const { body, packed, type, etag, lasting } = file
  reply.headers({
    etag,
    'cache-control': lasting ? 'public, max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': policy,
    vary: 'Accept-Encoding',
  })
  if (reply.statusCode === 200 && isKnownTag(request.headers['if-none-match'], etag)) {
    return reply.status(304).send()
  }
  reply.type(type)
  if (!packed || !takesGzip(request.headers['accept-encoding'])) return reply.send(body)
  return reply.header('content-encoding', 'gzip').send(packed)
}

function takesGzip(accepted: string | undefined): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(accepted ?? '')
}
