/** What a command must not inherit of its agent: the raised number of open files, and its rank when memory runs out. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { CLibrary } from '../../../host/c-library.js'
import { sleep } from '../../../shared/async/sleep.js'
import { systemCode } from '../../../shared/errors.js'
import { processRow } from './process-table.js'

/** The soft and hard number of open files, as /proc/PID/limits shows them. */
type OpenFiles = { soft: number; hard: number }

/** Node.js raises its own soft limit at its start. Every descriptor below that many is taken care of by other bounds. */
const ROOM = 64
// <sys/resource.h> of Linux on systems of 64 bits.
const RLIMIT_NOFILE = 7
const LIMIT_BYTES = 16
const is64Bit = ['x64', 'arm64', 'ppc64', 'riscv64', 's390x', 'loong64'].includes(process.arch)

/**
 * The limit that this process was started with: that of the nearest ancestor whose soft limit is below the hard one, as
 * far up as the hard one is ours. Undefined where that cannot be told, or was not raised.
 */
function openFilesAtStart(): OpenFiles | undefined {
  const own = openFilesOf(process.pid)
  if (own === undefined) return undefined
  let pid = processRow(process.pid)?.ppid ?? 0
  while (pid > 0) {
    const limit = openFilesOf(pid)
    if (limit?.hard !== own.hard) return undefined
    if (limit.soft < limit.hard) return limit.soft < own.soft ? limit : undefined
    pid = processRow(pid)?.ppid ?? 0
  }
  return undefined
}

function openFilesOf(pid: number): OpenFiles | undefined {
  try {
    const [, soft, hard] =
      readFileSync(`/proc/${pid}/limits`, 'utf8').match(/^Max open files +(\d+) +(\d+) /m) ?? []
    return soft === undefined || hard === undefined ? undefined : { soft: Number(soft), hard: Number(hard) }
  } catch {
    return undefined
  }
}

/** Gives children the limit of open files that this process was started with. */
export class OpenFilesLimit {
  readonly #c: CLibrary
  readonly #soft: number
  readonly #lowered = Buffer.alloc(LIMIT_BYTES)
  readonly #own = Buffer.alloc(LIMIT_BYTES)

  private constructor(c: CLibrary, { soft, hard }: OpenFiles) {
    this.#c = c
    this.#soft = soft
    new BigUint64Array(this.#lowered.buffer, this.#lowered.byteOffset, 2).set([BigInt(soft), BigInt(hard)])
  }

  /** Undefined where there is nothing to be given back. */
  static open(c: CLibrary): OpenFilesLimit | undefined {
    const limit = is64Bit ? openFilesAtStart() : undefined
    return limit && new OpenFilesLimit(c, limit)
  }

  /** Starts a process under the limit; `lowest` is a descriptor that was just opened, the lowest that was free. */
  during(lowest: number, start: () => number): number {
    // With so many files open others could not be opened meanwhile by Node's threads: then the process gets it afterwards.
    const atOnce =
      lowest < this.#soft - ROOM && this.#c.limits(0, RLIMIT_NOFILE, this.#lowered, this.#own) === 0
    try {
      const pid = start()
      if (!atOnce) this.give(pid)
      return pid
    } finally {
      if (atOnce) this.#c.limits(0, RLIMIT_NOFILE, this.#own, null)
    }
  }

  give(pid: number): void {
    this.#c.limits(pid, RLIMIT_NOFILE, this.#lowered, null)
  }
}

/** A command is to be killed before its agent when memory runs out, since the agent has to report it. */
const OOM_SCORE = 500
const MOST_OOM_SCORE = 1000

/**
 * A child of an agent that hides its memory belongs to root in /proc until its exec is complete, which the kernel lets the
 * parent run on before: usually for microseconds, longer on a busy machine. So often it is tried again, after 1 ms,
 * 2, 4 and so on.
 */
const TRIES = 9

let oomScore: string | undefined

/** For a child that was just started and not yet collected. Does nothing where there is no such rank. */
export function makeFirstToBeKilled(pid: number): void {
  if (rank(pid) === 'closed') void rankOnceOpen(pid, processRow(pid)?.started)
}

async function rankOnceOpen(pid: number, started: string | undefined): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    await sleep(2 ** tries, { unref: true })
    // It may have ended, and its id be another's.
    if (started === undefined || processRow(pid)?.started !== started) return
    if (rank(pid) !== 'closed') return
  }
}

function rank(pid: number): 'done' | 'closed' | 'impossible' {
  try {
    oomScore ??= String(
      Math.min(Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) + OOM_SCORE, MOST_OOM_SCORE),
    )
    writeFileSync(`/proc/${pid}/oom_score_adj`, oomScore)
    return 'done'
  } catch (error) {
    // Else this is not Linux, or the process has ended already.
    return systemCode(error) === 'EACCES' ? 'closed' : 'impossible'
  }
}
