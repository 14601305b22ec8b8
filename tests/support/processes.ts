import { readdirSync, readFileSync } from 'node:fs'

/** Process ids whose environment names this command: what is left of it, wherever it went. */
export function processesOf(command_id: string): number[] {
  const found: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      if (
        readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(`OGENT_COMMAND_ID=${command_id}`)
      ) {
        found.push(Number(name))
      }
    } catch {
      // Gone meanwhile.
    }
  }
  return found
}

/** Children that have ended and that nobody has collected. */
export function deadChildrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // State and parent are fields 3 and 4 of proc(5), counted from the bracket that ends the name in field 2.
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return state === 'Z' && Number(ppid) === parent
      } catch {
        return false
      }
    })
}

/** Waits, by looking again, until something holds; fails with the sentence when it takes too long. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 120_000,
): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`In ${ms} ms it did not come true that ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
