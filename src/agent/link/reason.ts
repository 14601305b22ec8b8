import { TRPCClientError } from '@trpc/client'
import { toldWait } from '../../client/transport/retry.js'
import { shownAddress } from '../../host/settings.js'
import { type ErrorCode, messageOf, OgentError, ogentPart, systemCode } from '../../shared/errors.js'

/** Why there is no link, or not any more, as the agent's log tells it. */

/** What OpenSSL and Node.js call a certificate that no trusted authority has signed. */
const UNTRUSTED = [
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

/** The sentence, without a password that `url` may hold, and with the setting that is to be looked at. */
export function sentenceOf(reason: unknown, { url, ca }: { url: string; ca?: string | undefined }): string {
  // The SDK's sentences name the address as it was given.
  const sentence = messageOf(reason).replaceAll(url, shownAddress(url))
  if (!isUntrusted(reason)) return sentence
  return ca === undefined
    ? `${sentence} CONTROLLER_CA takes a file with the certificate of the issuer of the controller's, where Node.js does not trust that by itself.`
    : `${sentence} The file of CONTROLLER_CA does not have the certificate of the issuer of the controller's.`
}

/** The code of what was thrown, or of a reply of the controller. */
export function codeOf(reason: unknown): ErrorCode | undefined {
  return partOf(reason)?.code
}

/** Milliseconds that the controller says to wait before another attempt; 0 where it says nothing. */
export function toldWaitOf(reason: unknown): number {
  return toldWait(partOf(reason) ?? {})
}

function partOf(reason: unknown): Pick<OgentError, 'code' | 'retry_after_seconds'> | undefined {
  if (reason instanceof OgentError) return reason
  if (!(reason instanceof TRPCClientError)) return undefined
  return reason.cause instanceof OgentError ? reason.cause : ogentPart(reason.data)
}

/** The same of an error reply as it came over the wire. */
export function replyFields(shape: unknown): { cause: string; code: ErrorCode | undefined } {
  const { message, data } = (shape ?? {}) as { message?: unknown; data?: unknown }
  return {
    cause: String(message ?? 'The controller sent an error that cannot be read.'),
    code: ogentPart(data)?.code,
  }
}

function isUntrusted(reason: unknown): boolean {
  return reason instanceof Error && UNTRUSTED.includes(String(systemCode(reason.cause)))
}
