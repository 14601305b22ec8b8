import { createHash, randomBytes } from 'node:crypto'
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url))
const COMPILED = fileURLToPath(new URL('./', import.meta.url))

/** A text with its size and hash, so that every byte of it can be accounted for. */
export type Sample = { path: string; bytes: number; sha256: string }

/**
 * A throw-away folder with copies of the built product and of this bench, from which every process runs: a
 * build during the run changes nothing. It looks like the package, so `ogent/client` means the copy.
 */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'ogent-bench-'))
  readonly cli = join(this.folder, 'dist/cli/main.js')

  constructor() {
    cpSync(join(PACKAGE, 'package.json'), join(this.folder, 'package.json'))
    cpSync(join(PACKAGE, 'dist'), join(this.folder, 'dist'), { recursive: true })
    cpSync(COMPILED, join(this.folder, 'tests/bench'), { recursive: true })
    symlinkSync(join(PACKAGE, 'node_modules'), join(this.folder, 'node_modules'))
  }

  /** A compiled script of this bench, such as `roles/relay`. */
  script(name: string): string {
    return join(this.folder, 'tests/bench', `${name}.js`)
  }

  /** A fresh folder for what a process keeps. */
  data(name: string): string {
    const path = join(this.folder, 'data', name)
    mkdirSync(path, { recursive: true })
    return path
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Writes lines of text that never repeat at the same place. */
  sample(name: string, bytes: number): Sample {
    const path = this.path(name)
    const hash = createHash('sha256')
    const file = openSync(path, 'w')
    const block = Buffer.from(
      Array.from({ length: 10_000 }, () => `${randomBytes(48).toString('base64')}\n`).join(''),
    )
    let left = bytes
    for (let index = 0; left > 0; index++) {
      const head = Buffer.from(`block ${index}\n`)
      const part = Buffer.concat([head, block]).subarray(0, left)
      hash.update(part)
      writeSync(file, part)
      left -= part.length
    }
    closeSync(file)
    return { path, bytes, sha256: hash.digest('hex') }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
