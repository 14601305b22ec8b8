import type { Peer } from '../peers.js'
import { type Metric, ratio } from './metric.js'

/** What the project has set itself, judged by figures of one and the same run. */
export type Verdict = { target: string; measured: string; met: boolean | undefined }

/** Differences below this part are noise on shared cores: where two figures must not differ, they may so much. */
const NOISE = 0.1

export function verdicts(metrics: Metric[]): Verdict[] {
  const find = (id: string) => metrics.find((metric) => metric.id === id)
  const beside = (target: string, id: string, base: Peer, limit: number, wants: '≤' | '≥'): Verdict => {
    const metric = find(id)
    return judge(`${target} ${wants} ${limit} ×`, metric && ratio(metric, 'ogent', base), limit, wants, ' ×')
  }
  const list = [
    beside('(1) `true`, p50, beside a local spawn', 'true_p50', 'floor', 1, '≤'),
    slowdown(find('true_p50'), find('true_after_p50')),
    beside('(2) commands/s, beside the bare relay', 'burst_rate', 'relay', 0.95, '≥'),
    beside('(3) MB/s, beside the bare relay', 'bulk_rate', 'relay', 0.75, '≥'),
    beside('(4) first byte, beside the bare relay', 'first_byte', 'relay', 1.2, '≤'),
    beside('(5) many agents at once, beside the bare relay', 'fleet', 'relay', 1.1, '≤'),
    beside('(9) `true` over kept ssh, p50, beside the bare library', 'kept_ssh_p50', 'ssh2', 1.3, '≤'),
    ...ahead(metrics, 'socketio', 'socket.io'),
    ...ahead(metrics, 'ssh', 'ssh with a kept master'),
  ]
  for (const { id, values } of metrics) {
    const agents = Number(id.match(/^attached_(\d+)_/)?.[1] ?? 0)
    // Of few agents the figure is mostly what the first of them cost.
    if (agents < 2000) continue
    const count = agents.toLocaleString('en')
    if (id.endsWith('_memory'))
      list.push(judge(`(7) KB an agent at ${count} ≤ 50`, values.ogent, 50, '≤', ' KB'))
    if (id.endsWith('_idle')) list.push(judge(`(7) idle CPU at ${count} ≤ 5 %`, values.ogent, 5, '≤', ' %'))
  }
  return list
}

function slowdown(before: Metric | undefined, after: Metric | undefined): Verdict {
  const was = before?.values.ogent
  const is = after?.values.ogent
  const measured = was === undefined || is === undefined ? undefined : is / was
  return judge('(1) no slower after the output (noise: 10 %)', measured, 1 + NOISE, '≤', ' × before')
}

/** Ogent through the SDK beside another peer, on every line of works 1 to 5. */
function ahead(metrics: Metric[], peer: Peer, name: string): Verdict[] {
  const lines: [string, '≤' | '≥'][] = [
    ['true_p50', '≤'],
    ['burst_rate', '≥'],
    ['bulk_rate', '≥'],
    ['first_byte', '≤'],
    ['fleet', '≤'],
  ]
  return lines.flatMap(([id, wants]) => {
    const metric = metrics.find((one) => one.id === id)
    if (!metric || metric.values[peer] === undefined) return []
    return [
      judge(
        `(${metric.work}) ahead of ${name}: ${metric.label}`,
        ratio(metric, 'ogent', peer),
        1,
        wants,
        ' ×',
      ),
    ]
  })
}

function judge(
  target: string,
  measured: number | undefined,
  limit: number,
  wants: '≤' | '≥',
  unit: string,
): Verdict {
  if (measured === undefined) return { target, measured: 'not measured', met: undefined }
  const met = wants === '≤' ? measured <= limit : measured >= limit
  return { target, measured: `${measured.toFixed(2)}${unit}`, met }
}
