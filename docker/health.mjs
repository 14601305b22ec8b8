// Whether what runs in this container does its work: exits with 0 or 1. A controller is asked whether it is ready; an
// agent touches a file as long as its link is up.
import { readFileSync, statSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { join } from 'node:path'

const { PORT = '8001', TLS_CERT, AGENT_STATE_DIR = '/data' } = process.env
/** An agent touches its file every 5 s. */
const STALE_MS = 20_000

/** The role is told, or found by the command line of the container. */
function roleOf([told]) {
  if (told !== undefined) return told
  const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0')
  return words.includes('agent') ? 'agent' : 'controller'
}

function isReady() {
  // This is our own port: whose certificate it has is not the question.
  const options = { host: '127.0.0.1', port: PORT, path: '/ready', timeout: 4000, rejectUnauthorized: false }
  return new Promise((resolve) => {
    const asked = (TLS_CERT ? tlsRequest : plainRequest)(options, (reply) =>
      resolve(reply.statusCode === 200),
    )
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

function isLinked() {
  try {
    return Date.now() - statSync(join(AGENT_STATE_DIR, 'linked')).mtimeMs < STALE_MS
  } catch {
    return false
  }
}

const healthy = roleOf(process.argv.slice(2)) === 'agent' ? isLinked() : await isReady()
process.exit(healthy ? 0 : 1)
