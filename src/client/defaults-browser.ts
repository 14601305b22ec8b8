import type { Defaults } from './defaults.js'

/** What a client takes in a browser where its options do not say it: the page's own origin, and nothing else. */
export const defaults: Defaults = {
  url() {
    // The DOM's types are not part of this project; a worker has a location as well.
    const { location } = globalThis as { location?: { origin: string } }
    return location?.origin
  },
  ca: () => undefined,
  credentials: () => undefined,
  advice: 'Give createOgentClient a token, best a short-lived one of your own server: token: () => …',
  rules: {},
}
