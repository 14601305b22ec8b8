import { type Peer, peerNames, peers } from '../peers.js'
import { type Metric, ratio } from './metric.js'
import type { Verdict } from './targets.js'

/** The table for a terminal: each line's figures, below them their ratios to the floor and to the relay. */
export function tableOf(metrics: Metric[], here: Peer[]): string {
  const columns = peers.filter((peer) => here.includes(peer))
  const rows = [['', ...columns.map((peer) => peerNames[peer])]]
  for (const metric of metrics) {
    rows.push([`${metric.work}  ${plain(metric.label)}`, ...columns.map((peer) => figure(metric, peer))])
    if (!metric.ratios) continue
    for (const base of ['floor', 'relay'] as const) {
      if (!metric.values[base]) continue
      const label = `     × ${base === 'floor' ? 'floor' : 'relay'}`
      rows.push([label, ...columns.map((peer) => ratioText(metric, peer, base))])
    }
  }
  return align(rows)
}

export function verdictsText(list: Verdict[]): string {
  return align(list.map(({ target, measured, met }) => [plain(target), measured, metText(met)]))
}

export function figure(metric: Metric, peer: Peer): string {
  const value = metric.values[peer]
  if (value === undefined) return '–'
  return value.toLocaleString('en', {
    minimumFractionDigits: metric.digits,
    maximumFractionDigits: metric.digits,
  })
}

export function ratioText(metric: Metric, peer: Peer, base: Peer): string {
  return ratio(metric, peer, base)?.toFixed(2) ?? ''
}

export function metText(met: boolean | undefined): string {
  return met === undefined ? '–' : met ? 'met' : 'missed'
}

function plain(text: string): string {
  return text.replaceAll('`', '')
}

function align(rows: string[][]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  const line = (row: string[]) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
  return `${rows.map((row) => line(row).trimEnd()).join('\n')}\n`
}
