import { X509Certificate } from 'node:crypto'
import { request as tlsRequest } from 'node:https'
import { type DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { tunnelTo } from '../../client/transport/tunnel.js'
import { shownAddress } from '../../host/settings.js'
import { messageOf, OgentError } from '../../shared/errors.js'

const ANSWER_MS = 15_000
/** Certificates of a chain that are looked at. */
const MAX_CHAIN = 10

/** The certificate that a join token names, as the controller has shown it. */
export type Pinned = {
  pem: string
  /** Whether the controller is trusted without it as well, by what Node.js or CONTROLLER_CA trusts. */
  isTrusted: boolean
}

/**
 * Finds the certificate with this SHA-256 among those that the controller shows. Nothing is sent to it yet: that it has the
 * certificate, and did not only show it, is proven by the next request, which trusts that certificate alone. Throws FORBIDDEN where it
 * shows none of that hash, CONNECTION_LOST where nothing answers.
 */
export async function findPinned(url: string, pin: string, ca: string | undefined): Promise<Pinned> {
  const { chain, isTrusted } = await shownBy(url, ca)
  const found = chain.find(({ fingerprint256 }) => fingerprint256.replaceAll(':', '').toLowerCase() === pin)
  if (!found) {
    throw new OgentError(
      'FORBIDDEN',
      `What answers at ${shownAddress(url)} does not have the certificate that the join token names: check CONTROLLER_URL and what is on the way there, or make another join token where the certificate was replaced.`,
    )
  }
  return { pem: new X509Certificate(found.raw).toString(), isTrusted }
}

async function shownBy(url: string, ca: string | undefined) {
  const address = new URL('health', url.endsWith('/') ? url : `${url}/`)
  const tunnel = await tunnelTo(address, { ca })
  try {
    return await new Promise<{ chain: DetailedPeerCertificate[]; isTrusted: boolean }>((resolve, reject) => {
      const options = {
        method: 'HEAD',
        agent: false as const,
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(ca === undefined ? {} : { ca }),
        ...tunnel?.options,
        // Looked at here, and sent nothing that is secret.
        rejectUnauthorized: false,
      }
      const request = tlsRequest(address, options, ({ socket }) => {
        if (!(socket instanceof TLSSocket)) return reject(new Error('It speaks no TLS.'))
        resolve({ chain: chainOf(socket.getPeerCertificate(true)), isTrusted: socket.authorized })
        socket.destroy()
      })
      request.once('error', reject)
      request.end()
    })
  } catch (cause) {
    const why = messageOf(cause)
    throw (
      tunnel?.explain(why) ??
      new OgentError('CONNECTION_LOST', `No answer from ${shownAddress(url)}: ${why}.`, { cause })
    )
  } finally {
    tunnel?.close()
  }
}

/** From the controller's own to its root, which names itself as its issuer. */
function chainOf(first: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  for (let next = first; next?.raw && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    chain.push(next)
    if (next.issuerCertificate === next) break
  }
  return chain
}
