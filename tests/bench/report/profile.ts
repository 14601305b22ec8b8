import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The part of a V8 CPU profile that is read here. */
type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

const SHOWN = 15
const WAITING = ['(idle)', '(root)']

/** Where the time of each process went, by the functions that ran themselves; one paragraph a profile. */
export function profileSummary(folder: string): string {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.cpuprofile'),
  )
  return paths
    .sort()
    .map((path) => paragraph(folder, path))
    .join('\n')
}

function paragraph(folder: string, path: string): string {
  // V8 wrote it.
  const profile = JSON.parse(readFileSync(join(folder, path), 'utf8')) as Profile
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [at, sample] of profile.samples.entries()) {
    const name = names.get(sample) ?? '?'
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[at] ?? 0) / 1000)
  }
  for (const name of WAITING) times.delete(name)
  const busy = [...times.values()].reduce((sum, ms) => sum + ms, 0)
  const top = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN)
  const lines = top.map(([name, ms]) => `${`${((100 * ms) / busy).toFixed(1)} %`.padStart(8)}  ${name}`)
  return `${relative('.', path)}: busy for ${Math.round(busy)} ms\n${lines.join('\n')}\n`
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/(?=(dist|node_modules|tests)\/)/, '').replace(/^.*\/node_modules\//, '')
  return `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`
}
