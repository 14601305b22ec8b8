import { OgentError } from '../../shared/errors.js'

/** Where the script has the controller's address: between quotes, in which no letter of an address means anything. */
const PLACE = '@CONTROLLER_URL@'

/** A name or an address, and maybe a port; no letter of it means anything to a shell. */
const HOST = /^(?:[a-z0-9][a-z0-9._-]{0,252}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i

/** The address by which a request has come, for another machine to come by. Throws BAD_REQUEST where it is none. */
export function controllerUrl({ protocol, host }: { protocol: string; host: string }): string {
  const url = `${protocol}://${host}`
  if (!/^https?$/.test(protocol) || !HOST.test(host) || !URL.canParse(url)) {
    throw new OgentError(
      'BAD_REQUEST',
      'The Host header (or X-Forwarded-Host, X-Forwarded-Proto) is no address by which an agent could come to this controller.',
    )
  }
  return url
}

export function scriptFor(url: string, script: string): string {
  return script.replaceAll(PLACE, url)
}
