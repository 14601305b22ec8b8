import type { RouteOptions } from 'fastify'

/** Which methods each path takes, so that a wrong method is distinguished from a wrong path. */
export class KnownPaths {
  readonly #routes: { parts: string[]; methods: string[] }[] = []

  add({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    this.#routes.push({ parts: partsOf(url), methods: [method].flat() })
  }

  /** Of every route that fits; none where there is no such path. */
  methodsAt(path: string): string[] {
    const asked = partsOf(path)
    const methods = this.#routes.filter(({ parts }) => fits(parts, asked)).flatMap((route) => route.methods)
    return [...new Set(methods)].sort()
  }
}

function partsOf(path: string): string[] {
  // One slash at the end makes no other path.
  return path.replace(/\/$/, '').split('/')
}

function fits(parts: string[], asked: string[]): boolean {
  const open = parts.at(-1) === '*'
  if (open ? asked.length < parts.length : asked.length !== parts.length) return false
  return parts.every(
    (part, at) => part === '*' || (part.startsWith(':') ? asked[at] !== '' : part === asked[at]),
  )
}
