import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Random } from './random.js'
import type { Truth } from './truth.js'

const SCRIPT = fileURLToPath(new URL('./writer.mjs', import.meta.url))

/** A run of writer.mjs, which writes at random and notes what it wrote. */
export type Program = {
  seed: number
  /** Bytes of both streams, about. */
  mostBytes: number
  seconds: number
  kind: 'text' | 'binary'
}

export function someProgram(random: Random): Program {
  return {
    seed: random.int(0, 2 ** 31),
    mostBytes: random.pick([300, 5000, 100_000, 1_000_000]),
    seconds: random.int(1, 6),
    kind: random.pick(['text', 'text', 'binary']),
  }
}

export function programCommand(program: Program, folder: string, command_id: string): string {
  const truth = truthFolder(folder)
  mkdirSync(truth, { recursive: true })
  const { seed, mostBytes, seconds, kind } = program
  return `exec '${process.execPath}' '${SCRIPT}' '${truth}' ${command_id} ${seed} ${mostBytes} ${seconds} ${kind}`
}

/** What it has written so far, and its exit code, -1 where it was killed before. */
export function writtenBy(folder: string, command_id: string): Truth {
  const note = (what: string) => {
    const path = join(truthFolder(folder), `${command_id}.${what}`)
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
  }
  const exit = note('exit').toString()
  return { stdout: note('stdout'), stderr: note('stderr'), exitCode: exit === '' ? -1 : Number(exit) }
}

function truthFolder(folder: string): string {
  return join(folder, 'truth')
}
