import { arch, cpus, release, totalmem, type } from 'node:os'

/** The machine as far as a reader of figures needs it, and nothing that names it. */
export type Machine = {
  cores: number
  memory_gib: number
  node: string
  /** Family alone: system, major version, architecture. */
  kernel: string
}

export function describeMachine(): Machine {
  return {
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    kernel: `${type()} ${release().split('.')[0]}.x, ${arch()}`,
  }
}

export function machineSentence({ cores, memory_gib, node, kernel }: Machine): string {
  return `${cores} cores, ${memory_gib} GiB of memory, Node ${node}, ${kernel}; all on one machine, over loopback`
}
