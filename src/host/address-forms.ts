import * as z from 'zod'

/** What settings take as an origin of web pages, a host, an address or a network. */

export function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

export function isHost(text: string): boolean {
  return URL.canParse(`http://${text}`) && new URL(`http://${text}`).hostname === text
}

export function isNetwork(text: string): boolean {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]).safeParse(text).success
}
