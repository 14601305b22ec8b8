import { setTimeout as wait } from 'node:timers/promises'
import { Plant, type PlantAgent } from './plant.js'
import type { Recording } from './recording.js'
import { type Pace, RecordedShell } from './shell.js'

/** A line that is typed, what has to come of it, and the time to read that before the next line, in ms. */
export type Step = { line: string; gives: RegExp; readMs: number }

export type Story = {
  agents: PlantAgent[]
  steps: Step[]
  /** Of the terminal: all that is shown has its place, so that the last frame has the whole. */
  columns: number
  rows: number
  pace: Pace
}

/** One idea after the other: which agents there are; all of them at once; the guard; a client is killed, and nothing is lost. */
export const storyOfReadme: Story = {
  agents: [
    { agent_id: 'web-1', labels: 'role=web' },
    { agent_id: 'web-2', labels: 'role=web' },
    { agent_id: 'db-1', labels: 'role=db' },
  ],
  steps: [
    { line: 'ogent agents', gives: /(.* connected .*\r\n){3}/, readMs: 1200 },
    {
      line: `ogent run --all -- 'for i in 1 2; do sleep 1; echo "step $i of 2"; done'`,
      gives: /(?:.* \| step [12] of 2\r\n[^|]*){6}(.* success +0 .*\r\n){3}/,
      readMs: 1700,
    },
    { line: "ogent run db-1 -- 'rm -rf /'", gives: /deletes \/ (?:with|and) everything/, readMs: 2500 },
    {
      line: `timeout -s KILL 3 ogent run db-1 --id job -- 'for i in $(seq 8); do printf "$i "; sleep 1; done; echo done'`,
      gives: /1 2 [3-6 ]*Killed\r\n/,
      readMs: 700,
    },
    { line: 'ogent follow job', gives: /1 2 3 4 5 6 7 8 done\r\n/, readMs: 0 },
  ],
  columns: 112,
  rows: 31,
  pace: { least: 15, most: 60 },
}

/** Before the first line is typed. */
const LOOK_MS = 600

/** Types a story at a shell beside a plant that is real; throws where a line does not give what it should. */
export async function record({ agents, steps, pace, ...size }: Story, root: URL): Promise<Recording> {
  await using plant = await Plant.start(root, agents)
  await using shell = await RecordedShell.start({ ...size, folder: plant.folder, env: plant.shellEnv })
  await wait(LOOK_MS)
  for (const { line, gives, readMs } of steps) {
    const given = await shell.type(line, pace)
    if (!gives.test(given)) throw new Error(`The line ${line} does not give ${gives}:\n${given}`)
    await wait(readMs)
  }
  return shell.recording
}
