import type { Enrichment } from '../../shared/analysis/analysis.js'
import type { Finding } from '../findings.js'
import { brief, type Invocation } from '../interpreter/programs/invocation.js'
import { overwrites, writes } from '../rules/run-predicates.js'
import { programs } from './programs.js'

/** More lines than this would not help the reader. */
const most = 20

/** What a command is for, what it touches and what it needs, worked out from what it runs. */
export function enrichmentOf(
  runs: readonly Invocation[],
  findings: readonly Finding[],
  about: { system?: string; context?: string },
): Enrichment {
  const named = runs.filter((run) => run.program !== '')
  const used = unique(named.map((run) => run.program))
  return {
    purpose: purposeOf(used, about.context),
    components: unique(named.slice(0, 200).map(describe)).slice(0, most),
    side_effects: unique(
      [...named, ...runs]
        .slice(0, 400)
        .flatMap(effectsOf)
        .concat(findings.map((one) => one.risk)),
    ).slice(0, most),
    prerequisites: prerequisitesOf(runs, used, about.system),
    related_commands: unique(used.flatMap((name) => programs.get(name)?.related ?? []))
      .filter((name) => !used.includes(name))
      .slice(0, 8),
  }
}

function purposeOf(used: readonly string[], context: string | undefined): string {
  const steps = used.slice(0, 4).map((name) => programs.get(name)?.does ?? `runs ${name}`)
  const more = used.length > 4 ? `, and ${used.length - 4} more steps` : ''
  const text = steps.length > 0 ? `${steps.join(', then ')}${more}` : 'sets variables or does nothing'
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
  return context ? `${sentence} Asked for: ${brief(context, 200)}` : sentence
}

function describe(run: Invocation): string {
  const does = programs.get(run.program)?.does ?? 'a program that the guard has no description of'
  const through = run.via.length > 0 ? `, through ${unique(run.via).join(', ')}` : ''
  return `${run.part}: ${does}${through}`
}

function effectsOf(run: Invocation): string[] {
  const over = new Set(overwrites(run))
  const files = writes(run)
    .filter((field) => !/^\/dev\/(?:null|stdout|stderr|tty)$/.test(field.value))
    .map((field) => `${over.has(field) ? 'writes' : 'adds to'} ${brief(field.text || field.value, 80)}`)
  const network = networked.test(run.program) ? ['uses the network'] : []
  const background = run.background ? ['leaves a process running in the background'] : []
  return [...files, ...network, ...background]
}

const networked =
  /^(?:curl|wget|ssh|scp|sftp|rsync|nc|ncat|ping|dig|git|npm|pip|apt|apt-get|yum|dnf|docker|kubectl|helm|aws|gcloud|az|terraform|psql|mysql|redis-cli)$/

const alwaysThere = new Set(
  'echo printf cd export set unset read test [ true false : eval source . alias exit return local trap shift wait sh'.split(
    ' ',
  ),
)

function prerequisitesOf(
  runs: readonly Invocation[],
  used: readonly string[],
  system: string | undefined,
): string[] {
  const needed = used.filter((name) => !alwaysThere.has(name)).slice(0, 12)
  const rights = runs.some((run) => run.via.some((name) => /^(?:sudo|doas|su|pkexec)$/.test(name)))
  const remote = runs.some((run) => run.via.includes('ssh'))
  return [
    ...(needed.length > 0 ? [`Installed: ${needed.join(', ')}`] : []),
    ...(rights ? ['The right to use sudo or a similar program'] : []),
    ...(remote ? ['A login on the other machine'] : []),
    ...(used.some((name) => /^(?:docker|docker-compose)$/.test(name)) ? ['A running Docker daemon'] : []),
    ...(used.includes('kubectl') ? ['Access to the cluster'] : []),
    ...(system ? [`A machine as described: ${brief(system, 120)}`] : []),
  ]
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
