import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type ErrorCode, OgentError } from '../../../shared/errors.js'
import { type Reply, type Route, route } from '../http/route.js'
import { ERRORS_PATH, errorCodes, errorListPage, errorPage, PAGE_POLICY, slugOf } from './pages.js'

const bySlug = new Map<string, ErrorCode>(errorCodes.map((code) => [slugOf(code), code]))

/** Pages for people who meet an error: `type` of every problem is the address of one. */
export function errorPageRoutes(): Route[] {
  return [
    {
      access: 'open',
      ...route({
        method: 'GET',
        path: ERRORS_PATH,
        id: 'listErrors',
        tag: 'service',
        summary: 'Show a page that lists every error',
        replies: { 200: html('The page.') },
        errors: [],
        handle: ({ reply }) => sendPage(reply, errorListPage()),
      }),
    },
    {
      access: 'open',
      ...route({
        method: 'GET',
        path: `${ERRORS_PATH}/{error}`,
        id: 'explainError',
        tag: 'service',
        summary: 'Show a page that explains one error',
        description: '`type` of every problem is the address of such a page, relative to the controller.',
        params: z.object({ error: z.string().describe('The code in lower case, with `-` for `_`.') }),
        replies: { 200: html('The page.') },
        errors: ['NOT_FOUND'],
        handle: ({ params: { error }, reply }) => sendPage(reply, errorPage(codeOf(error))),
      }),
    },
  ]
}

function html(description: string): Reply {
  return { description, content: { 'text/html': { plain: 'string', example: '<!doctype html>' } } }
}

function codeOf(slug: string): ErrorCode {
  const code = bySlug.get(slug)
  if (code) return code
  throw new OgentError('NOT_FOUND', `There is no error of this name: ${ERRORS_PATH} lists all of them.`)
}

function sendPage(reply: FastifyReply, page: string) {
  return reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(page)
}
