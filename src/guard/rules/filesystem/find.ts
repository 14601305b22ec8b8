import type { Field, Invocation } from '../../interpreter/programs/invocation.js'
import { isFiltered, startsOf } from '../../interpreter/programs/upstream.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'

/** What find and similar programs delete, by themselves or through what they start. */
export const filesystemFind: readonly Rule[] = [
  {
    id: 'filesystem/find-delete-root',
    title: 'Lets find delete the system or a home folder',
    severity: 'high',
    programs: ['find', 'bfs'],
    finds: (run) =>
      deletes(run.args) && !isFiltered(run) && firstAt(run, startsOf(run), 'root', 'system', 'home'),
    risk: (what) => `deletes everything that find finds below ${what}`,
    safer: (run) => run.part.replace('-delete', '-print'),
    caught: ['find / -delete', 'find ~ -type f -delete', 'find /etc -mindepth 1 -delete'],
    passed: ['find / -name core -delete', 'find . -delete', 'find /etc -type f'],
  },
  {
    id: 'filesystem/find-delete-much',
    title: 'Lets find delete much of the system',
    severity: 'high',
    programs: ['find', 'bfs'],
    finds: (run) =>
      (deletes(run.args) || runsRemover(run.args)) &&
      isFiltered(run) &&
      isWide(run) &&
      startsOf(run).find((start) => ofSystem.test(start.value)),
    risk: (what) =>
      `deletes files below ${what} by age or by a pattern that also matches files that the system needs`,
    safer: (run) => run.part.replace('-delete', '-print'),
    caught: [
      "find / -type f -name 'lib*.so*' -delete",
      'find /var/lib -mtime +2 -delete',
      'find / -newer stamp -exec rm -f {} +',
    ],
    passed: [
      "find / -name '*.tmp' -delete",
      'find /var/log -mtime +30 -delete',
      'find /usr -name core -delete',
      'find /home -mtime +9 -delete',
      "find / -name 'lib*.so*'",
      "find /usr/lib/python3 -name '*.py[co]' -delete",
    ],
  },
  {
    id: 'filesystem/find-delete',
    title: 'Deletes what find finds',
    severity: 'medium',
    programs: ['find', 'bfs'],
    finds: (run) => deletes(run.args),
    risk: 'deletes every file that matches, without confirmation',
    safer: (run) => run.part.replace('-delete', '-print'),
    caught: ['find . -name "*.pyc" -delete', 'find /var/log -name "*.gz" -mtime +30 -delete'],
    passed: ['find . -name "*.pyc"', 'find . -name delete', 'find . -exec echo -delete \\;'],
  },
]

/** `-delete` as an action, not as a word of what `-exec` starts. */
export function deletes(args: readonly Field[]): boolean {
  let inside = false
  for (const { value } of args) {
    if (inside) inside = value !== ';' && value !== '+'
    else if (/^-(?:exec|execdir|ok|okdir)$/.test(value)) inside = true
    else if (value === '-delete') return true
  }
  return false
}

function runsRemover(args: readonly Field[]): boolean {
  return args.some(
    (field, index) =>
      /^-(?:exec|execdir)$/.test(field.value) &&
      /^(?:.*\/)?(?:rm|unlink|shred)$/.test(args[index + 1]?.value ?? ''),
  )
}

/** Folders with programs, libraries and state; not those with logs, caches and files of users. */
const ofSystem =
  /^\/$|^\/(?:bin|boot|etc|lib(?:32|64)?|sbin|usr)(?:\/(?!local\/src|src|share\/doc).*)?$|^\/var(?:\/lib(?:\/\w+)?)?\/?$/

/** Names of files that can be deleted without harm. */
const spare =
  /\.(?:tmp|temp|bak|old|orig|rej|log|gz|xz|bz2|zip|swp|py\[co\]|pyc|pyo|cache|rpm(?:save|new|orig)|dpkg-\w+|pid|lock|part|core|\d+)\*?$|~$|^\*?core|^\.#|DS_Store|Thumbs/

/** All its tests are by age, size or kind, or by a name pattern that matches more than one file. */
function isWide(run: Invocation): boolean {
  let names = 0
  for (const [index, field] of run.args.entries()) {
    if (
      /^-(?:user|group|uid|gid|nouser|nogroup|empty|perm|inum|samefile|links|lname|i?regex)$/.test(
        field.value,
      )
    )
      return false
    if (!/^-i?(?:name|path|wholename)$/.test(field.value)) continue
    names++
    const pattern = run.args[index + 1]?.value ?? ''
    if (!pattern.includes('*') || spare.test(pattern)) return false
  }
  return (
    names > 0 ||
    run.args.some((field) => /^-(?:mtime|mmin|ctime|cmin|newer\w*|anewer|cnewer)$/.test(field.value))
  )
}
