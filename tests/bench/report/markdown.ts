import { readFileSync, writeFileSync } from 'node:fs'
import { type Peer, peerNames, peers } from '../peers.js'
import { machineSentence } from './machine.js'
import type { Metric } from './metric.js'
import type { Results } from './results.js'
import { figure, metText, ratioText } from './table.js'

const BEGIN = '<!-- bench: written by `npm run bench`, do not edit -->'
const END = '<!-- bench: end -->'

/** Puts a run into the document, between its two marks; what people wrote around them stays. */
export function writeDocument(path: string, results: Results): void {
  const text = readFileSync(path, 'utf8')
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`${path} has lost the marks between which the figures go.`)
  writeFileSync(path, `${text.slice(0, from + BEGIN.length)}\n\n${section(results)}\n${text.slice(to)}`)
}

function section(results: Results): string {
  const columns = peers.filter((peer) => results.peers.includes(peer))
  return [
    `Run of ${results.date.slice(0, 10)}, ${Math.round(results.seconds / 60)} minutes: ${machineSentence(results.machine)}.`,
    '',
    'In brackets: × local spawn · × bare ws relay.',
    '',
    row(['', ...columns.map((peer) => peerNames[peer])]),
    `|---|${columns.map(() => '--:|').join('')}`,
    ...results.metrics.map((metric) =>
      row([`(${metric.work}) ${metric.label}`, ...columns.map((peer) => cell(metric, peer))]),
    ),
    '',
    '| target | measured | |',
    '|---|--:|---|',
    ...results.targets.map(({ target, measured, met }) => row([target, measured, metText(met)])),
    ...(results.notes.length > 0 ? ['', ...results.notes.map((note) => `- ${note}`)] : []),
    '',
  ].join('\n')
}

function cell(metric: Metric, peer: Peer): string {
  if (!metric.ratios || metric.values[peer] === undefined) return figure(metric, peer)
  const beside = (['floor', 'relay'] as const)
    .filter((base) => metric.values[base])
    .map((base) => ratioText(metric, peer, base))
  return beside.length === 0 ? figure(metric, peer) : `${figure(metric, peer)} (${beside.join(' · ')})`
}

function row(cells: string[]): string {
  return `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
}
