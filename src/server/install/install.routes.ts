import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../shared/errors.js'
import { isKnownTag } from '../transport/http/known-etag.js'
import type { HttpCall, Reply, Route } from '../transport/http/route.js'
import { type InstallFiles, PROGRAM } from './files.js'
import { controllerUrl, scriptFor } from './script.js'

export type InstallServices = {
  /** Undefined where this build has none. */
  installFiles: () => Promise<InstallFiles | undefined>
}

/** Bytes of the program that are on their way to one reader at a time. */
const PIECE = 64 * 1024

const headers = { ETag: 'Names these very bytes: with If-None-Match they are not sent again.' }
const replies = (type: string, description: string, example: string): Record<number, Reply> => ({
  200: { description, content: { [type]: { plain: 'string', example } }, headers },
  304: { description: 'What the caller has, by If-None-Match, is what there is.', headers },
})
const open = { method: 'GET', tag: 'install', access: 'open', errors: ['NOT_FOUND'] } as const

/** What a machine needs to get an agent from this controller. Who asks is not known yet, so that all of it is open. */
export function installRoutes(services: InstallServices): Route[] {
  return [
    {
      ...open,
      path: '/install.sh',
      id: 'install_script',
      summary: 'Give the script that installs an agent',
      description:
        'For `curl -fsS …/install.sh | sh -s -- --help`. It names the address by which it was asked for.',
      replies: replies('text/x-shellscript', 'A script for any POSIX shell.', '#!/bin/sh\n'),
      errors: [...open.errors, 'BAD_REQUEST'],
      handle: async ({ request, reply }) => {
        const { script } = await filesOf(services)
        const text = scriptFor(controllerUrl(request), script)
        reply.header('vary', 'Host, X-Forwarded-Host, X-Forwarded-Proto')
        return send(request, reply, { type: 'text/x-shellscript', body: text, hash: hashOf(text) })
      },
    },
    {
      ...open,
      path: `/install/${PROGRAM}`,
      id: 'install_agent',
      summary: 'Give the agent as one file, for Node.js 20.19 or later',
      replies: replies(
        'text/javascript',
        'The program; its settings are those of `ogent agent`.',
        '#!/usr/bin/env node\n',
      ),
      handle: (call) => sendProgram(services, call),
    },
    {
      ...open,
      path: `/install/${PROGRAM}.sha256`,
      id: 'install_agent_hash',
      summary: 'Give the SHA-256 of that file',
      replies: replies(
        'text/plain',
        'A line as `sha256sum --check` takes it.',
        `${'0'.repeat(64)}  ${PROGRAM}\n`,
      ),
      handle: async ({ request, reply }) => {
        const { sha256 } = await filesOf(services)
        const body = `${sha256}  ${PROGRAM}\n`
        return send(request, reply, { type: 'text/plain', body, hash: hashOf(body) })
      },
    },
  ]
}

async function sendProgram(services: InstallServices, { request, reply }: HttpCall) {
  const { program, sha256 } = await filesOf(services)
  reply.header('content-length', program.length)
  // In pieces: a reader that is slow, and reads on, is no reader that has stopped.
  const body = Readable.from(piecesOf(program), { objectMode: false, highWaterMark: PIECE })
  return send(request, reply, { type: 'text/javascript', body, hash: sha256 })
}

async function filesOf({ installFiles }: InstallServices): Promise<InstallFiles> {
  const files = await installFiles()
  if (files) return files
  throw new OgentError(
    'NOT_FOUND',
    'This controller was built without the files that install an agent: install it from the package instead, see docs/install-agent.md.',
  )
}

type Answer = { type: string; body: string | Readable; hash: string }

/** May be kept by caches, which have to ask whether it is still the same. */
function send(request: FastifyRequest, reply: FastifyReply, { type, body, hash }: Answer) {
  const etag = `"${hash}"`
  reply.headers({ etag, 'cache-control': 'no-cache' })
  if (isKnownTag(request.headers['if-none-match'], etag)) {
    return reply.removeHeader('content-length').status(304).send()
  }
  return reply.type(`${type}; charset=utf-8`).send(body)
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}
