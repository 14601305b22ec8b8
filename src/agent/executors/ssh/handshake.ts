import ssh2, { type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2'
import { messageOf } from '../../../shared/errors.js'
import { Authentication } from './auth.js'
import { type HostKeyCheck, hostKeyCheck, without } from './host-key.js'
import { noMatchSentence, withoutMatch } from './offer.js'
import { addressName, type SshSettings } from './settings.js'

/** Why there is no connection. `lasting`: the same attempt fails again until something is changed. */
export type ConnectFailure = { message: string; lasting: boolean }

export type Attempt = { ok: true; client: Client } | { ok: false; failure: ConnectFailure }

/** The server is asked for a sign of life this often, in ms, and given up after so many without an answer. */
const KEEPALIVE_MS = 15_000
const KEEPALIVE_MISSES = 3

/** One attempt to connect and log in, host key checked. Never rejects; an abort of `signal` fails it. */
export async function connectOnce(settings: SshSettings, signal: AbortSignal): Promise<Attempt> {
  try {
    const check = await hostKeyCheck(settings)
    let { algorithms } = check
    let refused: Handshake | undefined
    while (algorithms.length > 0) {
      const authentication = await Authentication.of(settings)
      const outcome = await handshake({ settings, check, algorithms, authentication, signal })
      if (outcome.ok) return outcome
      // A fingerprint does not say of which type its key is: the server is asked for its other keys too.
      if (settings.hostFingerprint === undefined || !outcome.refusedKey) return refused ?? outcome
      refused ??= outcome
      algorithms = without(algorithms, outcome.refusedKey)
    }
    return refused ?? failed(`${addressName(settings)} showed no host key.`, true)
  } catch (cause) {
    return failed(`The login at ${addressName(settings)} is not set up: ${messageOf(cause)}.`, true)
  }
}

type Handshake = Attempt & { refusedKey?: Buffer | undefined }

type HandshakeInput = {
  settings: SshSettings
  check: HostKeyCheck
  algorithms: ServerHostKeyAlgorithm[]
  authentication: Authentication
  signal: AbortSignal
}

type Phase = 'reaching' | 'greeting' | 'login'

function handshake(input: HandshakeInput): Promise<Handshake> {
  const { settings, check, algorithms, authentication, signal } = input
  return new Promise((resolve) => {
    const client = new ssh2.Client()
    let phase: Phase = 'reaching'
    let refusedKey: Buffer | undefined
    let failure: ConnectFailure | undefined
    let askingAgain = false
    const config = configOf(settings, algorithms)

    const settle = (outcome: Handshake) => {
      signal.removeEventListener('abort', onAbort)
      client.removeAllListeners()
      // What a dying connection still has to say must not throw.
      client.on('error', () => {})
      if (!outcome.ok) client.destroy()
      resolve(outcome)
    }
    const giveUp = (why: ConnectFailure) => settle({ ok: false, failure: failure ?? why, refusedKey })
    const tellOffer = async (missing: string) => {
      askingAgain = true
      const message = await noMatchSentence(missing, addressName(settings), config)
      giveUp({ message, lasting: true })
    }
    const onAbort = () => giveUp({ message: 'The agent is closing.', lasting: true })

    client.on('connect', () => {
      phase = 'greeting'
      client.setNoDelay(true)
    })
    client.on('handshake', () => {
      phase = 'login'
    })
    client.on('change password', () => giveUp(expired(settings)))
    client.on('ready', () => settle({ ok: true, client }))
    client.on('error', (error) => {
      const missing = withoutMatch(error)
      if (missing !== undefined) return void tellOffer(missing)
      // An ssh agent that does not answer is one way of several; the next one is tried.
      if (levelOf(error) !== 'agent') giveUp(causeOf(error, phase, settings, authentication))
    })
    client.on('close', () => {
      if (askingAgain) return
      giveUp({
        message: `${addressName(settings)} closed the connection during the ${phase}.`,
        lasting: false,
      })
    })
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)

    const hostVerifier = verifierOf(check, (key, message) => {
      refusedKey = key
      failure = { message, lasting: true }
    })
    client.connect({ ...config, authHandler: authentication.next, hostVerifier })
  })
}

function verifierOf(check: HostKeyCheck, onRefusal: (key: Buffer, message: string) => void) {
  return (key: Buffer): boolean => {
    const refusal = check.refusal(key)
    if (refusal !== undefined) onRefusal(key, refusal)
    return refusal === undefined
  }
}

function expired({ username }: SshSettings): ConnectFailure {
  return { message: `Authentication failed: the password of ${username} has expired.`, lasting: true }
}

function configOf(settings: SshSettings, algorithms: ServerHostKeyAlgorithm[]): ConnectConfig {
  return {
    host: settings.host,
    port: settings.port,
    username: settings.username,
    readyTimeout: settings.timeoutMs,
    keepaliveInterval: settings.keepaliveMs ?? KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_MISSES,
    algorithms: { serverHostKey: algorithms },
  }
}

function causeOf(
  error: Error,
  phase: Phase,
  settings: SshSettings,
  authentication: Authentication,
): ConnectFailure {
  const address = addressName(settings)
  if (levelOf(error) === 'client-authentication') {
    const message = `Authentication failed for ${settings.username} at ${address}: ${authentication.story}.`
    return { message, lasting: true }
  }
  if (levelOf(error) === 'client-timeout')
    return { message: timeoutSentence(phase, settings), lasting: false }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  switch (code) {
    case 'ECONNREFUSED':
      return { message: `Connection refused by ${address}: no SSH server listens there.`, lasting: false }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { message: `The host name ${settings.host} has no address (${code}).`, lasting: false }
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { message: `${address} is unreachable (${code}).`, lasting: false }
    default:
      return { message: `${address} failed in the ${phase}: ${messageOf(error)}.`, lasting: false }
  }
}

function timeoutSentence(phase: Phase, settings: SshSettings): string {
  const address = addressName(settings)
  const within = `within ${settings.timeoutMs / 1000} s`
  switch (phase) {
    case 'reaching':
      return `${address} is unreachable: no answer ${within}.`
    case 'greeting':
      return `${address} is unreachable: it took the connection, but no SSH server answered ${within}.`
    case 'login':
      return `${address} did not finish the login ${within}.`
  }
}

/** ssh2 says in `level` where an error comes from. */
function levelOf(error: Error): unknown {
  return 'level' in error ? error.level : undefined
}

function failed(message: string, lasting: boolean): Handshake {
  return { ok: false, failure: { message, lasting } }
}
