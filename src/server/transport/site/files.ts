import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { systemCode } from '../../../shared/errors.js'

/** The guides as a site, which `npm run docs:site` builds beside this program: packaging/site. */
export type Site = {
  /** The `Content-Security-Policy` of its pages. */
  policy: string
  /** Undefined for what its list does not have. */
  file(path: string): Promise<SiteFile | undefined>
}

export type SiteFile = {
  body: Buffer
  /** The same by gzip, where that is shorter. */
  packed: Buffer | undefined
  type: string
  etag: string
  /** Whether its name has its hash: another content has another name. */
  lasting: boolean
}

export type OpenSite = () => Promise<Site | undefined>

/** Tests run the sources, beside which there is none. */
const built = new URL('../../../docs/', import.meta.url)

const LIST = 'site.json'

/** What the build writes of its files: nothing else of the folder is served. */
const listSchema = z.object({
  /** The hash of each, by its path. */
  files: z.record(z.string().regex(/^(?!.*\.\.)[\w@.~-]+(\/[\w@.~-]+)*$/), z.string()),
  /** Hashes of the scripts that are inside pages. */
  scripts: z.array(z.string().regex(/^sha256-[\w+/=]+$/)),
})

/**
 * Gives the site, or undefined where it was not built. Its list is read at the first request, and each file when it is first asked
 * for; both are kept, which is bounded by the size of the site: slow readers then share the bytes, and hold no file open.
 */
export function siteIn(folder: URL = built): OpenSite {
  let kept: Promise<Site | undefined> | undefined
  const forget = () => {
    kept = undefined
  }
  return () => {
    if (kept) return kept
    kept = open(folder)
    // One that is missing now may be built before the next request.
    kept.then((site) => site ?? forget(), forget)
    return kept
  }
}

async function open(folder: URL): Promise<Site | undefined> {
  const text = await readFile(new URL(LIST, folder), 'utf8').catch(undefinedIfMissing)
  if (text === undefined) return undefined
  const { files, scripts } = listSchema.parse(JSON.parse(text))
  const hashes = new Map(Object.entries(files))
  const kept = new Map<string, Promise<SiteFile | undefined>>()
  return {
    policy: policyWith(scripts),
    file: (path) => {
      const hash = hashes.get(path)
      if (hash === undefined) return Promise.resolve(undefined)
      const known = kept.get(path)
      if (known) return known
      const read = readSiteFile(folder, path, hash)
      kept.set(path, read)
      read.then(undefined, () => kept.delete(path))
      return read
    },
  }
}

const pack = promisify(gzip)

async function readSiteFile(folder: URL, path: string, hash: string): Promise<SiteFile | undefined> {
  const body = await readFile(new URL(path, folder)).catch(undefinedIfMissing)
  if (body === undefined) return undefined
  const packed = await pack(body, { level: 9 })
  return {
    body,
    packed: packed.length < body.length ? packed : undefined,
    type: types[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream',
    // Weak: it is the same for both forms.
    etag: `W/"${hash}"`,
    lasting: path.startsWith('assets/'),
  }
}

const types: Record<string, string> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  sh: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
}

/**
 * What a page may load: what comes from this controller, and the scripts inside it that the build has listed. Code is coloured by
 * styles that are written at each word.
 */
function policyWith(scripts: string[]): string {
  return [
    "default-src 'none'",
    ["script-src 'self'", ...scripts.map((hash) => `'${hash}'`)].join(' '),
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function undefinedIfMissing(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error
}
