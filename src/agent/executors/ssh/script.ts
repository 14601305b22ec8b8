/** The shell text that goes to a target. Every value in it is quoted; nothing of a request is bare. */
import type { ExecSpec } from '../../core/ports.js'
import { COMMAND_ID_VARIABLE } from '../environment.js'

/** A word that every POSIX shell reads back as this text, byte for byte. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** What the target's sessions are like. */
export type SessionKind = {
  /** Each is a process group of its own: so OpenSSH makes them. */
  ownGroup: boolean
  /** The login shell reads our text as /bin/sh would, so that a second shell need not be started. */
  posix: boolean
}

/** A shell that nothing is known of yet. */
export const UNKNOWN_SESSION: SessionKind = { ownGroup: true, posix: false }

/** Whether this login shell is known to read what `waitingShell` gives it. zsh has other ideas of `command`. */
export function isPosixShell(path: string): boolean {
  return /(^|\/)(sh|bash|dash|ash|ksh|ksh93|mksh)$/.test(path)
}

/**
 * What is executed on a channel: a shell that says where it is, on both streams, and waits for one line to run.
 * The line comes over the standard input because sshd passes all it is told as one argument, and the kernel
 * takes 128 KiB in one. `read` takes a byte at a time, so what follows the line is left for the command.
 * Without backslashes and newlines inside the quotes any other login shell takes it too, csh and fish as well.
 */
export function waitingShell(name: string, kind: SessionKind): string {
  const wait = `echo "$ogent_name $$";echo "$ogent_name" >&2;${READ_AND_RUN}`
  if (kind.posix && kind.ownGroup) return `ogent_name=${name};${wait}`
  return `exec ${kind.ownGroup ? '' : 'setsid '}/bin/sh -c ${quote(`ogent_name=$1;shift;${wait}`)} /bin/sh ${name}`
}

const READ_AND_RUN = 'IFS= read -r ogent_line&&eval "$ogent_line"'

/** Makes a login shell that is slow to read a long line leave it to /bin/sh. */
const HAND_OVER = `exec /bin/sh -c ${quote(`ogent_name=$1;shift;${READ_AND_RUN}`)} /bin/sh "$ogent_name"\n`
const LONG_LINE = 16 * 1024

/** What a waiting shell says once it has taken a command, and when it cannot enter the working folder. */
export const STARTED = 'started'
export const NO_FOLDER = 'no-folder'

// Linux takes at most 128 KiB in one argument, its NUL included (MAX_ARG_STRLEN).
const LONGEST_ARGUMENT = 128 * 1024 - 1

/** The line that makes a waiting shell become the command. Throws where no process can be given this. */
export function commandLine(spec: ExecSpec): string {
  const input = spec.stdin === undefined ? ' </dev/null' : ''
  const steps = [...enter(spec.cwd), `echo "$ogent_name ${STARTED}"`]
  const variables = assignments(spec.env ?? {})
  const [mark] = assignments({ [COMMAND_ID_VARIABLE]: spec.command_id })
  steps.push(`export ${mark}`)
  if (Buffer.byteLength(spec.command) <= LONGEST_ARGUMENT) {
    // `env` and not `export`, which cannot set what a shell keeps to itself, such as UID. And `exec` to the
    // end, so that the server itself sees how the command's process ends.
    const env = variables.length > 0 ? `env ${variables.join(' ')} ` : ''
    steps.push(`exec ${env}/bin/sh -c ${quote(spec.command)}${input}`)
  } else {
    const text = `unset ogent_name ogent_line ogent_newline;${spec.command}`
    steps.push(...variables.map((assignment) => `export ${assignment}`), `eval ${quote(text)}${input}`)
  }
  return oneLine(steps.join(';'))
}

/** A script of ours as the line for a waiting shell. */
export function scriptLine(script: string): string {
  return oneLine(`eval ${quote(script)}`)
}

function enter(cwd: string | undefined): string[] {
  if (cwd === undefined) return []
  // A leading ./ keeps `cd` from reading `-` and CDPATH into it.
  const folder = quote(cwd.startsWith('/') ? cwd : `./${cwd}`)
  const why = `if [ ! -e ${folder} ];then ogent_why=missing;elif [ ! -d ${folder} ];then ogent_why=file;else ogent_why=denied;fi`
  return [`command cd ${folder} 2>/dev/null||{ ${why};echo "$ogent_name ${NO_FOLDER} $ogent_why";exit 1;}`]
}

/** Newlines stand only inside quotes here: each becomes a variable that holds one. */
function oneLine(text: string): string {
  if (text.includes('\0')) throw new Error('A NUL byte cannot be passed to a process.')
  const line = text.includes('\n') ? withoutNewlines(text) : text
  return `${line.length > LONG_LINE ? HAND_OVER : ''}${line}\n`
}

function withoutNewlines(text: string): string {
  const newline = `ogent_newline=$(echo;echo .);ogent_newline=\${ogent_newline%.}`
  return `${newline};${text.replaceAll('\n', `'"$ogent_newline"'`)}`
}

function assignments(variables: Record<string, string>): string[] {
  return Object.entries(variables).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`${name} cannot name a variable.`)
    if (Buffer.byteLength(name) + Buffer.byteLength(value) + 1 > LONGEST_ARGUMENT) {
      throw new Error(`The variable ${name} is too long: a process takes 128 KiB in one.`)
    }
    return `${name}=${quote(value)}`
  })
}
