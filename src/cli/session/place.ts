import { type Context, currentContext } from '../../client/saved/contexts.js'
import { currentUrl } from '../../client/saved/login.js'
import { UsageError } from '../errors/report.js'
import { contextOf } from './contexts.js'

/** Which controller a call means. */

export type ConnectionFlags = { url?: string; controller?: string; username?: string }

/** The controller that is meant, and what says so. */
export type Place = { url: string; context?: Context | undefined; by: string }

const DEFAULT_URL = 'http://localhost:8001'

/** By --url or --controller, else OGENT_URL, else the context in use, else the last login, else this machine. */
export function placeOf(flags: ConnectionFlags): Place {
  if (flags.url !== undefined && flags.controller !== undefined) {
    throw new UsageError('--url and --controller each name a controller: leave out one of the two')
  }
  const { OGENT_URL } = process.env
  if (flags.url !== undefined) return checked({ url: flags.url, by: '--url' })
  if (flags.controller !== undefined) return ofContext(contextOf(flags.controller), '--controller')
  if (OGENT_URL) return checked({ url: OGENT_URL, by: 'OGENT_URL' })
  const context = currentContext()
  if (context) return ofContext(context, 'the context in use')
  const last = currentUrl()
  return checked(
    last === undefined ? { url: DEFAULT_URL, by: 'default' } : { url: last, by: 'the last login' },
  )
}

/** Throws UsageError for what is no address of a controller. */
export function checkUrl(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return
  throw new UsageError(
    `${url} is not the address of a controller, such as ${DEFAULT_URL}: see --url and OGENT_URL`,
  )
}

function ofContext(context: Context, by: string): Place {
  return checked({ url: context.url, context, by })
}

function checked(place: Place): Place {
  checkUrl(place.url)
  return place
}
