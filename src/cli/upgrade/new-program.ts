import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { httpRequest } from '../../client/transport/http.js'
import { readCertificates } from '../../host/certificates.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'
import type { Installation } from './installation.js'

const PATH = 'install/ogent-agent.mjs'
const DOWNLOAD_MS = 600_000
/** Far more than any agent takes; what is longer is none. */
const MOST_BYTES = 64 * 1024 * 1024

/** The program that its controller gives now, checked by its SHA-256. Throws CONNECTION_LOST, NOT_FOUND or a LocalError. */
export async function downloadProgram(url: string, ca: string | undefined): Promise<Buffer> {
  const pem = ca === undefined ? undefined : readCertificates('CONTROLLER_CA', ca).pem
  const list = (await download(url, `${PATH}.sha256`, pem)).toString('utf8')
  const program = await download(url, PATH, pem)
  const [expected = ''] = list.split(' ')
  const found = sha256Of(program)
  if (found === expected) return program
  throw new LocalError(
    `What was downloaded from ${url} has the SHA-256 ${found}, and should have ${JSON.stringify(expected)}.`,
    'Try again: where several controllers share one address, all have to be of one version.',
  )
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function isInstalled({ program }: Installation, fresh: Buffer): boolean {
  return sha256Of(readFileSync(program)) === sha256Of(fresh)
}

/** Writes it beside the one that is there, under the name of `stagedBeside`. It is whole, and on the disk. */
export function stage(program: string, fresh: Buffer): string {
  const file = stagedBeside(program)
  try {
    rmSync(file, { force: true })
    const descriptor = openSync(file, 'wx', 0o644)
    try {
      fchmodSync(descriptor, 0o644)
      for (let at = 0; at < fresh.length; ) at += writeSync(descriptor, fresh, at)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw new LocalError(`${file} cannot be written: ${messageOf(error)}.`, 'Run this as root: sudo …')
  }
  return file
}

/** Another name for each upgrade: none writes to what another one puts in place. */
export function stagedBeside(program: string): string {
  return beside(program, `new-${process.pid}`)
}

function beside(program: string, word: string): string {
  // Node.js tells by the ending what kind of module a file is.
  return program.replace(/\.mjs$/, `.${word}.mjs`)
}

/** What a program says of its version. Throws a LocalError where it does not start on this machine. */
export async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--version'], {
      timeout: 60_000,
    })
    return stdout.trim().split(' ', 1)[0] ?? ''
  } catch (error) {
    throw new LocalError(`${program} does not start: ${messageOf(error)}.`, 'Nothing was changed.')
  }
}

/** Puts what is staged in the place of the program: a start finds either, and each of them whole. */
export function putInPlace(program: string): void {
  renameSync(stagedBeside(program), program)
}

/** The same, and gives what `use` gives. Where that is not good, or `use` throws, the program of before is put back. */
export async function tryInPlace<T>(
  program: string,
  use: () => Promise<T>,
  isGood: (result: T) => boolean,
): Promise<T> {
  const previous = beside(program, `old-${process.pid}`)
  linkSync(program, previous)
  let good = false
  try {
    putInPlace(program)
    const result = await use()
    good = isGood(result)
    return result
  } finally {
    if (good) rmSync(previous, { force: true })
    else renameSync(previous, program)
  }
}

async function download(url: string, path: string, ca: string | undefined): Promise<Buffer> {
  const address = new URL(path, url.endsWith('/') ? url : `${url}/`)
  try {
    const signal = AbortSignal.timeout(DOWNLOAD_MS)
    const { status, body } = await httpRequest({ url: address, method: 'GET', headers: {}, signal, ca })
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of body) {
      bytes += piece.length
      if (bytes > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`)
      pieces.push(piece)
    }
    if (status === 200) return Buffer.concat(pieces)
    if (status === 404) throw noAgentAt(url)
    throw new Error(`the answer was ${status}`)
  } catch (cause) {
    if (cause instanceof LocalError) throw cause
    throw new OgentError('CONNECTION_LOST', `${address.href} was not downloaded: ${messageOf(cause)}.`, {
      cause,
    })
  }
}

function noAgentAt(url: string): LocalError {
  return new LocalError(
    `The controller at ${url} gives no agent: it is of an older version, or was built without.`,
    'Upgrade the controller first. How an agent is installed from the package: docs/install-agent.md.',
  )
}
