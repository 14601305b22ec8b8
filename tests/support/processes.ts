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

/** Waits, by looking again, until something holds; fails with the sentence when it takes too long. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`In ${ms} ms it did not come true that ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
