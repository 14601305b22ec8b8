import type { Call } from '../call.js'
import { entryOf } from '../names.js'
import { type Field, fieldOf } from './invocation.js'
import { operands, valuesOf } from './options.js'
import { operandsOf } from './repeaters.js'
import type { Outcome } from './session.js'

/**
 * Options and words of other programs whose value is a line that they pass to a shell.
 * Sources: each program's manual page.
 */
const options: Readonly<Record<string, readonly string[]>> = {
  certbot: ['pre-hook', 'post-hook', 'deploy-hook', 'renew-hook', 'manual-auth-hook', 'manual-cleanup-hook'],
  'acme.sh': ['pre-hook', 'post-hook', 'renew-hook', 'reloadcmd'],
  openvpn: ['up', 'down', 'route-up', 'route-pre-down', 'tls-verify', 'client-connect', 'ipchange'],
  restic: ['password-command'],
  borg: ['rsh'],
  rclone: ['password-command'],
  'yt-dlp': ['exec'],
  'youtube-dl': ['exec'],
  rsync: ['e', 'rsh', 'rsync-path'],
  split: ['filter'],
  sort: ['compress-program'],
  fzf: ['preview'],
  dnsmasq: ['dhcp-script'],
  tcpdump: ['z'],
  man: ['P', 'pager'],
  sshfs: ['ssh_command'],
  watchexec: ['shell'],
  inotifywait: ['exec'],
  'inotify-hookable': ['c', 'on-modify-command'],
  'cargo-watch': ['s', 'shell'],
  nodemon: ['x', 'exec'],
}

export const hooks: Record<string, (call: Call) => Outcome | undefined> = {
  ...Object.fromEntries(Object.keys(options).map((name) => [name, runOptions])),
  fzf: (call) =>
    together(call, [
      ...linesOf(call),
      ...valuesOf(call.invocation, 'bind').flatMap(({ value }) => bound(value)),
    ]),
  scp: runSshOptions,
  sftp: runSshOptions,
  hg: (call) =>
    together(
      call,
      valuesOf(call.invocation, 'config').flatMap(({ value }) => /^[\w.-]+=!(.+)$/s.exec(value)?.[1] ?? []),
    ),
  socat: (call) =>
    together(
      call,
      call.invocation.args.flatMap(
        ({ value }) => /^(?:exec|system|shell):["']?(.+?)["']?(?:,[\w,=-]+)?$/is.exec(value)?.[1] ?? [],
      ),
    ),
  aws: (call) =>
    together(
      call,
      valuesOf(call.invocation, 'parameters').flatMap(({ value }) =>
        /^(?:\{?"?)commands/.test(value)
          ? [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((one) => one[1] ?? '')
          : [],
      ),
    ),
  '[': runSubscripts,
  '[[': runSubscripts,
  test: runSubscripts,
  'start-stop-daemon': runDaemon,
  capsh: (call) => {
    const at = call.invocation.args.findIndex((field) => field.value === '--')
    return at < 0 ? undefined : runLine(call, [fieldOf('bash'), ...call.invocation.args.slice(at + 1)])
  },
  nix: runNix,
  npx: runPackage,
  bunx: runPackage,
  npm: (call) => runPackageVerb(call, /^(?:exec|x)$/),
  pnpm: (call) => runPackageVerb(call, /^(?:dlx)$/),
  yarn: (call) => runPackageVerb(call, /^(?:dlx)$/),
  psql: runEscapes,
  mysql: runEscapes,
  mariadb: runEscapes,
  sqlite3: runEscapes,
  sqlplus: runEscapes,
  smbclient: runEscapes,
}

function linesOf(call: Call): readonly string[] {
  const names = entryOf(options, call.invocation.program) ?? []
  return valuesOf(call.invocation, ...names).map((field) => field.value)
}

function runOptions(call: Call): Outcome | undefined {
  return together(call, linesOf(call))
}

function together(call: Call, lines: readonly string[]): Outcome | undefined {
  const outcomes = lines
    .filter((line) => /\s/.test(line))
    .slice(0, 16)
    .map((line) => call.session.guess(line, call.context))
  return outcomes.length > 0
    ? { ran: outcomes.flatMap((outcome) => outcome.ran), output: undefined }
    : undefined
}

/** `ctrl-x:execute(rm x)`. */
function bound(value: string): readonly string[] {
  return [...value.matchAll(/(?:execute(?:-silent)?|become|reload|preview|transform)[([{:]([^)\]}]*)/g)].map(
    (one) => one[1] ?? '',
  )
}

/** Settings of the client of SSH whose value is a command on this machine. */
export function sshCommands(args: readonly Field[]): readonly string[] {
  return valuesOf({ args }, 'o').flatMap(
    ({ value }) => /^(?:ProxyCommand|LocalCommand|KnownHostsCommand)[ =]\s*;?(.+)$/is.exec(value)?.[1] ?? [],
  )
}

function runSshOptions(call: Call): Outcome | undefined {
  return together(call, sshCommands(call.invocation.args))
}

/** The shell evaluates the subscript of an array: `[ -v 'a[$(rm x)]' ]`. */
function runSubscripts(call: Call): Outcome | undefined {
  const texts = call.invocation.args.flatMap(
    ({ value }) => /^\w+\[(.*(?:\$\(|`).*)\]$/s.exec(value)?.[1] ?? [],
  )
  return together(
    call,
    texts.map((text) => `: ${text}`),
  )
}

/** `start-stop-daemon --start --exec /usr/bin/x -- args`. */
function runDaemon(call: Call): Outcome | undefined {
  const { args } = call.invocation
  const end = args.findIndex((field) => field.value === '--')
  const before = { args: end < 0 ? args : args.slice(0, end) }
  const program = valuesOf(before, 'a', 'startas')[0] ?? valuesOf(before, 'x', 'exec')[0]
  if (!program || !before.args.some((field) => /^(?:-S|--start)$/.test(field.value))) return undefined
  return runLine(call, [program, ...(end < 0 ? [] : args.slice(end + 1))])
}

function runNix(call: Call): Outcome | undefined {
  const { args } = call.invocation
  const at = args.findIndex((field) => /^(?:-c|--command)$/.test(field.value))
  return at < 0 ? undefined : runLine(call, args.slice(at + 1))
}

const packageOptions = ['p', 'package', 'c', 'call', 'w', 'workspace', 'prefix', 'loglevel', 'registry']

/** A program from a package: `npx --yes x args`. */
function runPackage(call: Call, args = call.invocation.args): Outcome | undefined {
  const text = valuesOf({ args }, 'c', 'call')[0]
  if (text && args.indexOf(text) <= 4) return call.session.text(text.value, call.context)
  const [name, ...rest] = operandsOf(args, packageOptions)
  if (!name) return undefined
  return runLine(call, [{ ...name, value: name.value.replace(/(?<=[\w-])@[\w.^~-]+$/, '') }, ...rest])
}

function runPackageVerb(call: Call, verb: RegExp): Outcome | undefined {
  const { args } = call.invocation
  const first = operands(call.invocation, ...packageOptions)[0]
  if (!first || !verb.test(first.value)) return undefined
  return runPackage(call, args.slice(args.indexOf(first) + 1))
}

/** Clients that pass a line to a shell: `\! x` of psql and mysql, `.shell x` of sqlite3. */
function runEscapes(call: Call): Outcome | undefined {
  const { invocation } = call
  const texts = [
    ...invocation.args.flatMap((field) => [field.value, field.content ?? '']),
    invocation.input ?? '',
  ]
  const lines = texts.flatMap((text) =>
    [
      ...text.slice(0, 20_000).matchAll(/(?:^|\n|;)\s*(?:\\!|!|\.(?:shell|system)\s|system\s)\s*([^\n]+)/g),
    ].map((one) => one[1] ?? ''),
  )
  return together(call, lines)
}

function runLine(call: Call, line: readonly Field[]): Outcome {
  return call.session.run(line, call.shape, call.context)
}
