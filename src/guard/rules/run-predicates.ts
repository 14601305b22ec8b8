import { entryOf } from '../interpreter/names.js'
import { type Field, HOLE, type Invocation } from '../interpreter/programs/invocation.js'
import { has, operands, valuesOf } from '../interpreter/programs/options.js'
import { isFiltered } from '../interpreter/programs/upstream.js'

/** Questions that several rules ask about a run. */

/** Files that it overwrites or appends to: by redirection, or as a program that writes a file it is given. */
export function writes(run: Invocation): readonly Field[] {
  const redirected = run.redirects
    .filter((one) => one.operator.includes('>') && one.operator !== '>&')
    .map((one) => one.target)
  return [...redirected, ...writtenFiles(run)]
}

/** Files that it overwrites, not only appends to. */
export function overwrites(run: Invocation): readonly Field[] {
  const redirected = run.redirects
    .filter((one) => /^(?:>|>\||&>)$/.test(one.operator))
    .map((one) => one.target)
  // `tee -a` appends; sed and perl edit an existing file.
  const keeps = (run.program === 'tee' && has(run, 'a', 'append')) || /^(?:sed|perl)$/.test(run.program)
  return keeps ? redirected : [...redirected, ...writtenFiles(run, true)]
}

function writtenFiles(run: Invocation, over = false): readonly Field[] {
  switch (run.program) {
    case 'tee':
    case 'sponge':
      return operands(run)
    case 'dd':
      return run.args
        .filter((field) => field.value.startsWith('of='))
        .map((field) => ({ ...field, value: field.value.slice(3) }))
    case 'cp':
    case 'install':
    case 'mv':
    case 'ln':
    case 'rsync':
    case 'scp':
      return copiedTo(run, over)
    case 'sort':
    case 'shuf':
      return valuesOf(run, 'o', 'output')
    case 'openssl':
      return valuesOf(run, 'out')
    case 'tcpdump':
    case 'tshark':
      return valuesOf(run, 'w')
    case 'xxd':
      return has(run, 'r', 'revert') ? operands(run, 's', 'c', 'l').slice(1, 2) : []
    case 'dos2unix':
    case 'unix2dos':
      return has(run, 'n', 'newfile') ? operands(run).slice(1) : operands(run)
    case 'script':
      return operands(run, 'c', 'command', 'T', 'I', 'O', 'B')
    case 'socat':
      return openedBySocat(run)
    case 'truncate':
    case 'shred':
      return operands(run, 's', 'r', 'n', 'size', 'iterations')
    case 'curl':
      return valuesOf(run, 'o', 'output')
    case 'wget':
      return valuesOf(run, 'O', 'output-document')
    case 'sed':
    case 'perl':
      return [
        ...(run.args.some((field) => /^-\w*i|^--in-place/.test(field.value))
          ? operands(run, 'e', 'f').slice(-1)
          : []),
        ...(run.program === 'sed' ? writtenBySed(run) : []),
      ]
    default:
      return []
  }
}

/** Where programs that copy, move or link put what they are given. */
function copiedTo(run: Invocation, over: boolean): readonly Field[] {
  // Without -f, ln does not replace an existing file.
  if (run.program === 'ln' && over && !has(run, 'f', 'force')) return []
  const into = valuesOf(run, 't', 'target-directory')
  const remote = /^(?:rsync|scp)$/.test(run.program)
  const targets = into.length > 0 && !remote ? into : operands(run, 'm', 'o', 'g', 'S', 'e').slice(-1)
  if (!remote) return targets
  // A path on another machine is classed like one on this machine.
  return targets.map((field) => ({ ...field, value: field.value.replace(/^[^/:]*:/, '') }))
}

function openedBySocat(run: Invocation): readonly Field[] {
  const opened = /^(?:open|create|file|gopen):([^,]+),(?:.*\b)?(?:creat|trunc|append|wronly|rdwr)/i
  return run.args.flatMap((field) => {
    const path = opened.exec(field.value)?.[1]
    return path === undefined ? [] : [{ ...field, value: path }]
  })
}

/** `s/a/b/w file` and `w file`. */
function writtenBySed(run: Invocation): readonly Field[] {
  return run.args.flatMap((field) => {
    const path = /(?:^|[/|#,\d;])[gpI]*[wW] (\/[^\s;}]+)/.exec(field.value)?.[1]
    return path === undefined ? [] : [{ ...field, value: path }]
  })
}

/** Files whose content it reads. */
export function reads(run: Invocation): readonly Field[] {
  const redirected = run.redirects.filter((one) => one.operator === '<').map((one) => one.target)
  const readers =
    /^(?:cat|tac|head|tail|less|more|nl|base64|base32|xxd|od|strings|grep|awk|sed|cut|sort|tar|zip|gzip|cp|gpg|dd|hexdump|jq|rev|tr|openssl|7z|view|bat)$/
  if (!readers.test(run.program)) return redirected
  const own = run.args.map((field) =>
    field.value.startsWith('if=') ? { ...field, value: field.value.slice(3) } : field,
  )
  return [...redirected, ...own]
}

/** Programs that delete the files they are given. */
export const removers = [
  'rm',
  'srm',
  'grm',
  'unlink',
  'shred',
  'wipe',
  'trash',
  'rimraf',
  'rmtree',
  'del-cli',
  'Remove-Item',
]

/** It recurses by itself, or gets a whole tree from find or xargs. */
export function goesDown(run: Invocation): boolean {
  const handed = run.via.some((name) => /^(?:find|xargs|xe|parallel)$/.test(name))
  // The output of an unfiltered find is a whole tree.
  const told = run.args.some((field) =>
    field.sources.some((one) => one.program === 'find' && !isFiltered(one)),
  )
  return (
    handed ||
    told ||
    /^(?:rimraf|rmtree|del-cli)$/.test(run.program) ||
    has(run, 'Recurse') ||
    has(run, 'r', 'R', 'recursive') ||
    mayHoldOptions(run.args)
  )
}

/** `rm $FLAGS x`: an unknown word before another one may be options. */
function mayHoldOptions(args: readonly Field[]): boolean {
  const first = args.findIndex((field) => !field.value.startsWith('-'))
  const field = args[first]
  return field?.value === HOLE && !field.text.startsWith('"') && first < args.length - 1
}

/** Subcommands, with the options that programs of this kind put before them. */
export function subcommand(run: Invocation): readonly string[] {
  const taking = entryOf(globalOptions, run.program) ?? []
  return operands(run, ...taking).map((field) => field.value)
}

const globalOptions: Record<string, readonly string[]> = {
  git: ['C', 'c', 'git-dir', 'work-tree', 'namespace'],
  docker: ['H', 'context', 'config', 'l', 'f', 'filter', 'format', 't', 'time', 'n', 'project-name'],
  podman: ['H', 'context', 'l', 'filter', 'f', 't'],
  'docker-compose': ['f', 'file', 'p', 'project-name'],
  'podman-compose': ['f', 'file', 'p', 'project-name'],
  kubectl: [
    'n',
    'namespace',
    'context',
    'kubeconfig',
    'l',
    'selector',
    'f',
    'o',
    'cluster',
    'user',
    'grace-period',
    'timeout',
  ],
  oc: ['n', 'namespace', 'context', 'l', 'f', 'o'],
  helm: ['n', 'namespace', 'kube-context', 'f', 'kubeconfig'],
  aws: ['profile', 'region', 'output', 'endpoint-url', 'query'],
  gcloud: ['project', 'zone', 'region', 'format', 'account', 'q'],
  az: ['subscription', 'g', 'n', 'o', 'resource-group', 'name'],
  terraform: ['chdir'],
  systemctl: ['H', 'M', 't', 'host', 'machine', 'type', 'n', 's', 'signal'],
  apt: ['t', 'o', 'c'],
  'apt-get': ['t', 'o', 'c'],
  'redis-cli': ['h', 'p', 'a', 'n', 'u', 's', 'user', 'pass'],
}

/** Whether the words begin with these; a list matches any of its words. */
export function begins(
  words: readonly string[],
  ...wanted: readonly (string | readonly string[])[]
): boolean {
  return wanted.every((one, index) => {
    const word = words[index] ?? ''
    return typeof one === 'string' ? word === one : one.includes(word)
  })
}

const fetchers =
  /^(?:curl|wget|fetch|aria2c|lynx|links|w3m|http|https|xh|lwp-request|GET|ftp|tftp|scp|nc|ncat|netcat|socat|axel)$/

/** The command among these that fetches from the network. */
export function fetcher(sources: readonly Invocation[]): Invocation | undefined {
  return sources.find((one) => {
    if (/^(?:nc|ncat|netcat|socat|scp)$/.test(one.program)) return true
    if (one.program === 'openssl') return subcommand(one)[0] === 's_client'
    return fetchers.test(one.program) && !asksOnly(one)
  })
}

/** `curl --version` fetches no code; nor does one that only requests headers. */
function asksOnly(run: Invocation): boolean {
  return has(run, 'V', 'version', 'help', 'I', 'head')
}

const decoders =
  /^(?:base64|base32|basenc|xxd|uudecode|openssl|gpg|gunzip|zcat|gzip|xz|xzcat|bunzip2|bzcat|rev|tr|unzip|7z|zstd|lz4|ascii85)$/

/** The command among these that decodes a text. */
export function decoder(sources: readonly Invocation[]): Invocation | undefined {
  return sources.find(
    (one) =>
      decoders.test(one.program) &&
      (/^(?:rev|tr|zcat|xzcat|bzcat|gunzip|bunzip2|uudecode)$/.test(one.program) ||
        has(one, 'd', 'D', 'r', 'decode', 'decrypt', 'decompress', 'revert', 'p', 'x')),
  )
}
