/** The shell text that goes to a target. Every value in it is quoted; nothing of a request is bare. */
import type { ExecSpec } from '../../commands/ports.js'
import { COMMAND_ID_VARIABLE } from '../environment.js'

/** A word that every POSIX shell reads back as this text, byte for byte. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** What the target's sessions are like, and how a shell in one of them is come by. */
export type SessionKind = {
  /** Each is a process group of its own: so OpenSSH makes them. */
  ownGroup: boolean
  /** The login shell's \`exec\` gives way to /bin/sh. It may be an alias or a function that does something else. */
  exec: boolean
}

export const USUAL_SESSION: SessionKind = { ownGroup: true, exec: true }

/** Whether a waiting shell leads the process group that it says to be its own. */
export const LEADS = 'leads'

/**
 * What is executed on a channel: a shell that says where it is, on both streams, and waits for one line to run.
 * The login shell only has to start /bin/sh: in its start files words such as \`echo\` may have become something
 * else. The line comes over the standard input because sshd passes all it is given as one argument, and the kernel
 * takes 128 KiB in one. \`read\` takes a byte at a time, so what follows the line is left for the command.
 * Without backslashes and newlines inside the quotes any other login shell takes it too, csh and fish as well.
 */
export function waitingShell(name: string, kind: SessionKind): string {
  const start = `${kind.exec ? 'exec ' : ''}${kind.ownGroup ? '' : 'setsid '}/bin/sh`
  // In two parts: a login shell that traces shows them, and must not be taken for the shell that says its name.
  const [first, ...rest] = name.split('-')
  return `${start} -c ${quote(WAIT)} /bin/sh ${first}- ${rest.join('-')}`
}

/** What our own text uses that is no special built-in, and so could be a function that bash has exported. */
const OWN_WORDS = 'cat cd command date echo grep kill read sleep test tr uname'

const WAIT = [
  'set +x',
  `unset -f ${OWN_WORDS}`,
  'ogent_name=$1$2',
  'shift 2',
  `ogent_leads=;kill -0 "-$$" 2>/dev/null&&ogent_leads=${LEADS}`,
  'echo "$ogent_name $$ $ogent_leads"',
  'echo "$ogent_name" >&2',
  'IFS= read -r ogent_line&&eval "$ogent_line"',
].join(';')

/** What a waiting shell says once it has taken a command, and when it cannot enter the working folder. */
export const STARTED = 'started'
export const NO_FOLDER = 'no-folder'

// Linux takes at most 128 KiB in one argument, its NUL included (MAX_ARG_STRLEN).
const LONGEST_ARGUMENT = 128 * 1024 - 1

/**
 * Names that a shell keeps to itself: to set one may be refused, end the shell, or not reach the command. They are
 * set by \`env\`, in whose arguments every user of the target can read them; all others are exported, which only the
 * login itself and root can look into.
 */
const SHELLS_OWN = new RegExp(
  `^(${[
    'IFS|PWD|OLDPWD|PPID|PS[1-4]|OPT(IND|ARG|ERR)|_|LINENO|S?RANDOM|SECONDS|ERRNO|TMOUT|SHLVL|COLUMNS|LINES|MAILCHECK',
    'E?[UG]ID|GROUPS|BASHPID|BASHOPTS|SHELLOPTS|POSIXLY_CORRECT|DIRSTACK|FUNCNAME|FUNCNEST|PIPESTATUS|(KSH|ZSH)_VERSION',
    'EPOCH(SECONDS|REALTIME)|HIST(CMD|SIZE|FILESIZE)|ogent_[a-z]+',
    'BASH_(ALIASES|ARG[CV0]+|CMDS|COMMAND|EXECUTION_STRING|LINENO|MONOSECONDS|REMATCH|SOURCE|SUBSHELL|VERS(ION|INFO))',
  ].join('|')})$`,
)

/** The line that makes a waiting shell become the command. Throws where no process can be given this. */
export function commandLine(spec: ExecSpec): string {
  const input = spec.stdin === undefined && !spec.open_stdin ? ' </dev/null' : ''
  const env = { ...spec.env, [COMMAND_ID_VARIABLE]: spec.command_id }
  const isLong = Buffer.byteLength(spec.command) > LONGEST_ARGUMENT
  const kept = (name: string) => !isLong && SHELLS_OWN.test(name)
  // A bash that is /bin/sh complains here of a locale that it does not have, and again as the command's shell.
  const exported = `export ${assignments(env, (name) => !kept(name)).join(' ')} 2>/dev/null`
  const steps = [...enter(spec.cwd), exported, `echo "$ogent_name ${STARTED}"`]
  if (isLong) {
    const text = `unset ogent_name ogent_line ogent_leads ogent_newline;${spec.command}`
    steps.push(`eval ${quote(text)}${input}`)
  } else {
    const variables = assignments(env, kept)
    const prefix = variables.length > 0 ? `/usr/bin/env ${variables.join(' ')} ` : ''
    // `exec` to the end, so that the server itself sees how the command's process ends.
    steps.push(`exec ${prefix}/bin/sh -c ${quote(spec.command)}${input}`)
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

/** Newlines occur only inside quotes here: each becomes a variable that holds one. */
function oneLine(text: string): string {
  if (text.includes('\0')) throw new Error('A NUL byte cannot be passed to a process.')
  return `${text.includes('\n') ? withoutNewlines(text) : text}\n`
}

function withoutNewlines(text: string): string {
  const newline = `ogent_newline=$(echo;echo .);ogent_newline=\${ogent_newline%.}`
  return `${newline};${text.replaceAll('\n', `'"$ogent_newline"'`)}`
}

function assignments(variables: Record<string, string>, wanted: (name: string) => boolean): string[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (!wanted(name)) return []
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new Error(`${name} cannot name a variable.`)
    if (Buffer.byteLength(name) + Buffer.byteLength(value) + 1 > LONGEST_ARGUMENT) {
      throw new Error(`The variable ${name} is too long: a process takes 128 KiB in one.`)
    }
    return `${name}=${quote(value)}`
  })
}
