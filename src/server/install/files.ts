import { readFile } from 'node:fs/promises'
import { systemCode } from '../../shared/errors.js'

/** What the build made for machines that are to get an agent: dist/bundle, by packaging/bundle.mjs. */
export type InstallFiles = {
  /** The agent as one file. */
  program: Buffer
  /** Its SHA-256 as the build knows it, in hexadecimal. */
  sha256: string
  /** The script that installs it, with a place for the controller's address. */
  script: string
}

export const PROGRAM = 'ogent-agent.mjs'
const SCRIPT = 'install.sh'

/** Tests run the sources, beside which there are none. */
const built = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/bundle/' : '../../bundle/',
  import.meta.url,
)

/**
 * Gives the files of this build, or undefined where they were not made. They are read at the first request, and then kept:
 * most controllers are never asked.
 */
export function installFiles(folder: URL = built): () => Promise<InstallFiles | undefined> {
  let kept: Promise<InstallFiles | undefined> | undefined
  const forget = () => {
    kept = undefined
  }
  return () => {
    if (kept) return kept
    kept = read(folder)
    // What is missing now may be there at the next request.
    kept.then((files) => files ?? forget(), forget)
    return kept
  }
}

async function read(folder: URL): Promise<InstallFiles | undefined> {
  const texts = [`${PROGRAM}.sha256`, SCRIPT].map((name) => readFile(new URL(name, folder), 'utf8'))
  try {
    const [program, list = '', script = ''] = await Promise.all([
      readFile(new URL(PROGRAM, folder)),
      ...texts,
    ])
    return { program, sha256: list.slice(0, list.indexOf(' ')), script }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
