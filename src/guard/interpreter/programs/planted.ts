import type { Invocation } from './invocation.js'
import { operands } from './options.js'
import type { Context, Session } from './session.js'

/** Represents, among what a command runs through, a text that runs at a later login, start or time. */
export const PLANTED = 'a file that is run later'

/**
 * Files whose text is run later by something else, and how the commands in it are found: start files of
 * shells, hooks of git, scheduled jobs and units of services.
 */
const kinds: readonly { readonly path: RegExp; readonly commands: (text: string) => string }[] = [
  {
    path: /^\/etc\/(?:crontab|cron\.d\/[^/]+)$/,
    commands: (text) => timed(text, /^(?:@\w+|(?:\S+\s+){4}\S+)\s+\S+\s+/),
  },
  {
    path: /^\/var\/spool\/cron\//,
    commands: (text) => timed(text, /^(?:@\w+|(?:\S+\s+){4}\S+)\s+/),
  },
  {
    path: /\/(?:systemd\/(?:system|user)|\.config\/systemd\/user)\/[^/]+\.service(?:\.d\/[^/]+)?$/,
    commands: (text) => [...text.matchAll(/^Exec\w+=[-@:+!]*(.+)$/gm)].map((one) => one[1] ?? '').join('\n'),
  },
  {
    path: /(?:^|\/)\.git\/hooks\/[\w-]+$|^\/etc\/(?:rc\.local|init\.d\/[^/]+|cron\.(?:hourly|daily|weekly|monthly)\/[^/]+|update-motd\.d\/[^/]+)$/,
    commands: (text) => text,
  },
  {
    path: /(?:^|\/)\.(?:bashrc|bash_profile|bash_login|bash_logout|bash_aliases|profile|zshrc|zshenv|zprofile|kshrc|cshrc|xprofile|xinitrc)$|^\/etc\/(?:profile(?:\.d\/[^/]+)?|bash\.bashrc|zsh\/\w+)$/,
    commands: (text) => `${text}\n${aliases(text)}`,
  },
]

/** The kind of file that is run later by something else, if it is one. */
export function isPlanted(path: string): boolean {
  return kinds.some((kind) => kind.path.test(path))
}

/** Reads what a command writes into a file that something else runs later. */
export function readPlanted(
  invocation: Invocation,
  output: string | undefined,
  context: Context,
  session: Session,
): void {
  const redirected = invocation.redirects
    .filter((one) => one.operator.includes('>') && one.operator !== '>&' && !one.aside)
    .map((one) => ({ path: one.target.value, text: output }))
  const tees = invocation.program === 'tee' ? operands(invocation) : []
  const written = [...redirected, ...tees.map((field) => ({ path: field.value, text: invocation.input }))]
  for (const { path, text } of written) {
    const kind = text === undefined ? undefined : kinds.find((one) => one.path.test(path))
    if (!kind || text === undefined) continue
    const inside = { ...context, input: undefined, upstream: [], depth: context.depth - 1 }
    session.guess(kind.commands(text), {
      ...inside,
      scope: context.scope.child(),
      via: [...context.via, PLANTED],
    })
  }
}

function timed(text: string, time: RegExp): string {
  const lines = text.split('\n').filter((line) => !/^\s*(?:#|\w+\s*=)/.test(line))
  return lines.map((line) => line.trim().replace(time, '')).join('\n')
}

/** The aliases that a text sets, with their meanings: a command that uses one runs it. */
function aliases(text: string): string {
  const found = text.matchAll(/^\s*alias\s+[\w.-]+=(?:'([^'\n]*)'|"([^"\n]*)"|(\S+))/gm)
  return [...found].map((one) => one[1] ?? one[2] ?? one[3] ?? '').join('\n')
}
