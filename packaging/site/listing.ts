import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/**
 * Writes site.json into a built site: its files with their hashes, which are all that a controller serves of the folder, and the
 * hashes of the scripts that are inside its pages, for their Content-Security-Policy.
 */
export function writeListing(folder: string): void {
  const files: Record<string, string> = {}
  const scripts = new Set<string>()
  for (const name of filesIn(folder)) {
    const bytes = readFileSync(join(folder, name))
    files[name] = hashOf(bytes, 'base64url')
    if (name.endsWith('.html')) for (const script of scriptsIn(bytes.toString())) scripts.add(script)
  }
  writeFileSync(
    join(folder, 'site.json'),
    `${JSON.stringify({ files, scripts: [...scripts].sort() }, null, 1)}\n`,
  )
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort()
}

/** As a policy names them: the hash of what is between the tags. */
function scriptsIn(html: string): string[] {
  const inline = html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>(.*?)<\/script>/gs)
  return [...inline].map(([, text = '']) => `sha256-${hashOf(text, 'base64')}`)
}

function hashOf(content: Buffer | string, encoding: 'base64' | 'base64url'): string {
  return createHash('sha256').update(content).digest(encoding)
}
