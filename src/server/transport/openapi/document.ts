import { leastRole } from '../../../shared/access/actions.js'
import { type Content, type DocumentedRoute, type Reply, tags } from '../http/route.js'
import { errorReplies } from './error-replies.js'
import { examples } from './examples.js'
import { componentSchemas, type JsonSchema, parametersOf, reference } from './schemas.js'

/** What holds for paths and no single operation. */
const GENERAL = [
  'A method that a path does not take is answered with 405 (`METHOD_NOT_ALLOWED`) and `Allow`, a path that is not there',
  'with 404 (`NOT_FOUND`). A slash at the end makes no other path.',
  'Requests are counted by account, and before the login by address, but for those of the tag `service`: answers say in',
  '`RateLimit-Limit` how many a minute may have, in `RateLimit-Remaining` how many are left, and in `RateLimit-Reset` after how',
  'many seconds all of them are there again. One more is a 429 (`RATE_LIMITED`) with `Retry-After`.',
  '\n\n`GET /ws` is a WebSocket that carries `{"event": …, "data": {…}}` as JSON: `authenticate` with a `token` and',
  '`execute_command_request` up, `agent_connected`, `agent_disconnected`, `command_response`, `command_progress`,',
  '`command_result` and `error` down.',
].join(' ')

/** The OpenAPI 3.1 document of the REST API, made of its routes and the schemas that they parse with. */
export function openApiDocument(version: string, routes: readonly DocumentedRoute[]): JsonSchema {
  const paths: Record<string, JsonSchema> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationObject(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ogent',
      version,
      summary: 'Run commands on your machines and watch them live.',
      description: GENERAL,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'the controller that gives this document' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: componentSchemas(), securitySchemes },
  }
}

const securitySchemes = {
  password: {
    type: 'oauth2',
    description: 'Logs in with a name and password.',
    flows: { password: { tokenUrl: '/token', scopes: {} } },
  },
  token: { type: 'http', scheme: 'bearer', description: 'A token that was taken before.' },
}

function operationObject(route: DocumentedRoute): JsonSchema {
  const { id, tag, summary, description, access, params, query, headers, body } = route
  const parameters = [
    ...(params ? parametersOf(params, 'path') : []),
    ...(query ? parametersOf(query, 'query') : []),
    ...(headers ? parametersOf(headers, 'header') : []),
  ]
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, accessSentence(route)].filter(Boolean).join('\n\n'),
    security: access === 'open' ? [] : [{ password: [] }, { token: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body ? { requestBody: { required: true, content: { [body.type]: mediaType(body.schema) } } } : {}),
    responses: { ...replyObjects(route), ...errorReplies(route) },
  }
}

function accessSentence({ access }: DocumentedRoute): string {
  if (access === 'open') return 'Needs no token.'
  if (access === 'any') return 'Takes the token of any account.'
  return `Takes a token of the role \`${leastRole[access]}\`, or one that may more.`
}

function replyObjects({ replies }: DocumentedRoute): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, replyObject(reply)]))
}

function replyObject({ description, content, headers }: Reply): JsonSchema {
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, says]) => [
              name,
              { description: says, schema: { type: 'string' } },
            ]),
          ),
        }
      : {}),
    ...(content
      ? {
          content: Object.fromEntries(Object.entries(content).map(([type, what]) => [type, mediaType(what)])),
        }
      : {}),
  }
}

function mediaType(what: Content): JsonSchema {
  return { schema: contentSchema(what), example: exampleOf(what) }
}

function exampleOf(what: Content): unknown {
  if (typeof what === 'string') return examples[what]
  return 'list' in what ? [examples[what.list]] : what.example
}

function contentSchema(what: Content): JsonSchema {
  if (typeof what === 'string') return reference(what)
  if ('list' in what) return { type: 'array', items: reference(what.list) }
  // In OpenAPI 3.1 a body of bytes is one without a schema that says more.
  return what.plain === 'binary' ? {} : { type: what.plain }
}
