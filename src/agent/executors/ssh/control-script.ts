/** What the agent itself runs on a target: facts, what is still there of a command, and how a group is ended. */
import { COMMAND_ID_VARIABLE } from '../environment.js'
import { quote } from './script.js'

/**
 * Prints the system's name, its version, whether a session's shell leads a process group, and the login shell. There
 * is a group of the shell's own number only where the shell leads it.
 */
export const FACTS = `
uname -s
uname -r
kill -0 "-$$" && echo leads || echo follows
echo "$SHELL"
`

/** Prints \`<process group> <command id>\` for each process that carries a command's mark, or \`no-proc\`. */
export const MARKED_PROCESSES = `
[ -r /proc/self/environ ] || { echo no-proc; exit 0; }
for p in /proc/[0-9]*; do
  id=$(tr '\\0' '\\n' <"$p/environ" | grep '^${COMMAND_ID_VARIABLE}=') || continue
  read -r stat <"$p/stat" || continue
  set -- \${stat##*) }
  echo "$3 \${id#*=}"
done
`

export type EndGroup = {
  pgid: number
  command_id: string
  graceMs: number
  /**
   * Whether a member must carry the command's mark first. Not needed while the leader is known to live; after
   * that the number may have gone to a stranger. Where there is no /proc nothing can be looked at.
   */
  verify: boolean
}

export type EndOutcome = 'none' | 'ended' | 'forced'

/**
 * Asks the group to end, waits while any member lives, forces. Prints an \`EndOutcome\`; \`none\`: there is no
 * such group, or it is not the command's. A dead member that nobody has waited for counts as gone.
 */
export function endGroupScript({ pgid, command_id, graceMs, verify }: EndGroup): string {
  return `
g=${Math.trunc(pgid)}
mark=${quote(verify ? `${COMMAND_ID_VARIABLE}=${command_id}` : '')}
left=${Math.ceil(graceMs / 100)}
alive() {
  kill -0 "-$g" || return 1
  [ -r /proc/self/stat ] || return 0
  for p in /proc/[0-9]*; do
    read -r stat <"$p/stat" || continue
    set -- \${stat##*) }
    [ "$3" = "$g" ] || continue
    case $1 in Z|X) continue ;; esac
    [ -z "$mark" ] && return 0
    tr '\\0' '\\n' <"$p/environ" | grep -qxF -e "$mark" && return 0
  done
  return 1
}
alive || { echo none; exit 0; }
mark=
kill -TERM "-$g"
kill -CONT "-$g"
if [ $left -gt 0 ]; then
  for s in 0.02 0.03 0.05; do alive && sleep $s; done
fi
while [ $left -gt 0 ] && alive; do
  if sleep 0.1; then left=$((left-1)); else sleep 1; left=$((left-10)); fi
done
alive || { echo ended; exit 0; }
kill -KILL "-$g"
for s in 0.02 0.05 0.1 0.2 0.5; do alive && sleep $s; done
echo forced
`
}
