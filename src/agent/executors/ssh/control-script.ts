/** What the agent itself runs on a target: facts, what is still there of a command, and how a command is ended. */
import { COMMAND_ID_VARIABLE } from '../environment.js'
import { quote } from './script.js'

/** The login's own folders come last: a program of the login's may only have the name of one that is meant here. */
const OWN_PATH = 'PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH;export PATH\nLC_ALL=C;export LC_ALL'

/** Prints the system's name and its version. */
export const FACTS = `
${OWN_PATH}
uname -s
uname -r
`

/**
 * Functions on processes. One `grep` looks into all of them: a process or a slow `read` for each would take seconds where
 * there are thousands. Their list may be too long for its arguments. A name in `stat` may hold anything, newlines too,
 * in 15 bytes: the last bracket ends it, and no name is like the many numbers after it.
 */
const PROCESSES = `
${OWN_PATH}
look() (
  cd /proc || exit
  what=$1
  shift
  grep -s "$@" [0-9]*/$what
  [ $? -lt 126 ] || echo [0-9]*/$what | xargs grep -s "$@"
)
stat_of() {
  stat=
  while IFS= read -r line; do stat=$line; done <"/proc/$1/stat" || return 1
  stat=\${stat##*) }
  [ -n "$stat" ]
}
marks_of() { tr '\\0' '\\n' <"/proc/$1/environ" | grep '^${COMMAND_ID_VARIABLE}='; }
`

/** Prints the command id of each living process that carries a command's mark, or `no-proc`. */
export const MARKED_COMMANDS = `
[ -r /proc/self/environ ] || { echo no-proc; exit 0; }
${PROCESSES}
for f in $(look environ -lF -e '${COMMAND_ID_VARIABLE}='); do
  id=$(marks_of "\${f%/*}") && echo "\${id#*=}"
done
`

export type EndCommand = {
  command_id: string
  /** Its own process group; undefined where only its mark is known. */
  pgid?: number | undefined
  graceMs: number
  /**
   * Whether a member of that group must carry the command's mark. Not needed while the leader is known to live; after
   * that the number may have gone to a stranger. Where there is no /proc nothing can be looked at.
   */
  verify: boolean
  /** Whether processes with the mark in other groups (setsid, job control) are ended too. */
  marked: boolean
}

export type EndOutcome = 'none' | 'ended' | 'forced'

/** How long what was forced may take to be gone, in ms; what hangs in the kernel takes longer, and cannot be helped. */
export const AFTER_KILL_MS = 2000

/**
 * Asks the groups of a command to end, waits by the target's clock while any member lives, forces. Prints an
 * `EndOutcome`; `none`: nothing of the command is there. A dead member that nothing has waited for counts as gone.
 *
 * The clock is /proc/uptime, else `date`, whose second may just be over: then the time is a second longer. Only where there
 * is neither are rounds counted. A group is left alone once it is seen empty, since its number may then be given away.
 */
export function endCommandScript(end: EndCommand): string {
  const { command_id, pgid, graceMs, verify, marked } = end
  return `${PROCESSES}
mark=${quote(`${COMMAND_ID_VARIABLE}=${command_id}`)}
groups=${pgid === undefined ? '' : Math.trunc(pgid)}
found=
there=
t=0
${GROUPS}
gone() { living && return 1; ${marked ? 'seek && { ask "$found"; return 1; }; ' : ''}return 0; }
${GONE_WITHIN}
${verify ? VERIFY : ''}
living && there=1 && ask "$groups"
${marked ? 'seek && there=1 && ask "$found"' : ''}
[ -n "$there" ] || { echo none; exit 0; }
gone_within ${Math.ceil(graceMs / 10)} && { echo ended; exit 0; }
gone_within ${AFTER_KILL_MS / 10} KILL
echo forced
`
}

/** The clock in hundredths of a second, and the groups of a command: which live, which carry its mark, the signals for them. */
const GROUPS = `now() {
  slack=0
  IFS=' .' read -r s f rest </proc/uptime && { t=$((s * 100 + 1$f - 100)); return; }
  s=$(date +%s)
  case $s in ''|*[!0-9]*) t=$((t + 10)) ;; *) t=$((s * 100)); slack=100 ;; esac
}
nap() { sleep "$1" || sleep 1; }
living() {
  kept=
  for g in $groups; do kill -0 "-$g" && kept="$kept $g"; done
  groups=$kept
  [ -n "$groups" ] || return 1
  [ -r /proc/self/stat ] || return 0
  any=
  for g in $groups; do any="$any|$g"; done
  [ -n "$(look stat -lE -e "[)] [^ZX] [0-9]+ (\${any#|})( -?[0-9]+){20}")" ]
}
seek() {
  found=
  for f in $(look environ -lF -e "$mark"); do
    p=\${f%/*}
    marks_of "$p" | grep -qxF -e "$mark" || continue
    stat_of "$p" || continue
    set -- $stat
    case $1 in Z|X) continue ;; esac
    [ "$3" -gt 1 ] || continue
    case " $groups $found " in *" $3 "*) ;; *) found="$found $3" ;; esac
  done
  groups="$groups $found"
  [ -n "$found" ]
}
tell() { for g in $2; do kill "-$1" "-$g"; done; }
ask() { tell TERM "$1"; tell CONT "$1"; }`

/** Whether the groups are gone within so many hundredths of a second; they are sent a signal meanwhile, where one is named. */
const GONE_WITHIN = `gone_within() {
  [ "$1" -gt 0 ] || return 1
  now
  end=$((t + slack + $1))
  i=0
  while :; do
    [ -z "$2" ] || tell "$2" "$groups"
    gone && return
    [ "$t" -lt "$end" ] || return 1
    i=$((i + 1))
    if [ "$i" -gt 4 ]; then nap 0.1; else nap 0.02; fi
    now
  done
}`

/** Leaves the group out where no living member carries the mark, and there is a /proc to look into. */
const VERIFY = `
if [ -r /proc/self/environ ]; then
  own=$groups
  groups=
  seek
  case " $groups " in *" $own "*) groups=$own ;; *) groups= ;; esac
fi
`
