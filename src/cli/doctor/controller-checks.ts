import { connect } from 'node:tls'
import { z } from 'zod'
import { isPlaintextElsewhere } from '../../host/loopback.js'
import { bytesForPeople } from '../output/units.js'
import type { Answer } from '../session/ask-controller.js'
import { type Finding, fail, ok, skip, warn } from './finding.js'

/** What is looked at of a controller, each from what it answered. */

/** From here on a token that is fresh may be refused, and times are misleading, in ms. */
const CLOCK_WARN_MS = 2000
const CLOCK_FAIL_MS = 60_000
const CERTIFICATE_WARN_DAYS = 21
const DAY_MS = 86_400_000
/** The part of a disk that should be left, and what is enough of any. */
const DISK_WARN_PART = 0.1
const DISK_ENOUGH_BYTES = 10 * 1000 ** 3
const DISK_FAIL_BYTES = 100 * 1000 ** 2

export function checkClock({ clockMs, roundTripMs }: Answer): Finding {
  if (clockMs === undefined) return skip('clock', 'the controller did not say its time')
  const off = Math.abs(clockMs)
  const seconds = `${(off / 1000).toFixed(1)} s`
  const says =
    off === 0
      ? `the same as the controller's, within ${((roundTripMs + 999) / 1000).toFixed(1)} s`
      : `the controller's is ${seconds} ${clockMs > 0 ? 'ahead' : 'behind'}`
  const fix = 'Set the clocks by NTP on both machines: timedatectl set-ntp true'
  if (off >= CLOCK_FAIL_MS) return fail('clock', says, fix)
  return off >= CLOCK_WARN_MS ? warn('clock', says, fix) : ok('clock', says)
}

/** Of one that is trusted: whether it is has been found out by asking. */
export async function checkEncryption(
  url: string,
  ca: string | undefined,
  isProxied: boolean,
): Promise<Finding> {
  if (!url.startsWith('https:')) {
    return isPlaintextElsewhere(url)
      ? warn(
          'encryption',
          'none: passwords, tokens and output can be read on the way',
          'Give the controller TLS_CERT and TLS_KEY, or put a proxy with TLS in front of it, and use https://',
        )
      : ok('encryption', 'none, on this machine alone')
  }
  if (isProxied)
    return skip('encryption', 'TLS, by way of a proxy, which keeps the certificate from being looked at')
  const end = await certificateEnd(url, ca)
  if (end === undefined) return skip('encryption', 'TLS; its certificate could not be looked at')
  const days = Math.floor((end - Date.now()) / DAY_MS)
  const says = `TLS, with a certificate for ${days} more days`
  const fix = 'Renew it: the controller takes a new TLS_CERT from its file without a restart'
  return days < CERTIFICATE_WARN_DAYS ? warn('encryption', says, fix) : ok('encryption', says)
}

function certificateEnd(url: string, ca: string | undefined): Promise<number | undefined> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ...(ca === undefined ? {} : { ca }),
    })
    const end = (time: number | undefined) => {
      socket.destroy()
      resolve(time)
    }
    socket.setTimeout(5000, () => end(undefined))
    socket.once('error', () => end(undefined))
    socket.once('secureConnect', () => end(Date.parse(socket.getPeerCertificate().valid_to)))
  })
}

const readinessSchema = z.object({ dependencies: z.record(z.string(), z.string()) })

export function checkStore({ status, text }: Answer): Finding[] {
  const parsed = readinessSchema.safeParse(jsonOf(text))
  if (!parsed.success) return [skip('store', `GET /ready was answered with ${status}`)]
  return Object.entries(parsed.data.dependencies).map(([name, state]) =>
    state === 'ready'
      ? ok('store', `${name} is ready`)
      : fail(
          'store',
          `${name}: ${state}`,
          name === 'redis'
            ? "Is Redis running, and is REDIS_URL its address? See the controller's log"
            : "Is there room on the disk of DATA_DIR, and may the controller write there? See the controller's log",
        ),
  )
}

/** By the metrics, which a viewer may read. */
export function checkDisk({ status, text }: Answer): Finding {
  const [free, size] = ['free', 'size'].map((what) =>
    Number(new RegExp(`^ogent_data_${what}_bytes (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN),
  )
  if (status !== 200 || free === undefined || size === undefined || Number.isNaN(free)) {
    const why =
      status !== 200 || !text.includes('ogent_data_')
        ? 'the controller does not say'
        : 'kept by Redis: see its INFO memory'
    return skip('disk', why)
  }
  const says = `${bytesForPeople(free)} of ${bytesForPeople(size)} are free`
  const fix = 'Make room on the disk of DATA_DIR, or keep commands for a shorter time: RETENTION_HOURS'
  if (free < DISK_FAIL_BYTES) return fail('disk', says, fix)
  return free < Math.min(size * DISK_WARN_PART, DISK_ENOUGH_BYTES)
    ? warn('disk', says, fix)
    : ok('disk', says)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
