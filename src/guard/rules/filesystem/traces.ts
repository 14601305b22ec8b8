import { has, operands } from '../../interpreter/programs/options.js'
import { isFiltered, startsOf } from '../../interpreter/programs/upstream.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { overwrites, removers, writes } from '../run-predicates.js'
import { deletes } from './find.js'

/** What tells later what was done on a machine: logs and histories. */
export const filesystemTraces: readonly Rule[] = [
  {
    id: 'filesystem/wipe-logs',
    title: 'Wipes logs',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      const gone = removers.includes(run.program) ? operands(run) : overwrites(run)
      const found =
        run.program === 'find' && deletes(run.args) && !isFiltered(run)
          ? startsOf(run).map((one) => ({ ...one, glob: true, value: `${one.value}/*` }))
          : []
      return firstAt(run, [...gone, ...found], 'log')
    },
    risk: (what) => `wipes ${what}: what happened on this machine can no longer be told`,
    safer: 'journalctl --vacuum-time=14d',
    caught: [
      'rm -rf /var/log/*',
      '> /var/log/auth.log',
      'truncate -s 0 /var/log/syslog',
      'shred -u /var/log/wtmp',
      'find /var/log -type f -delete',
      'cat /dev/null > /var/log/messages',
    ],
    passed: [
      'cat /var/log/syslog',
      'rm /var/log/nginx/access.log.9.gz',
      'echo x >> /var/log/app.log',
      'tail -f /var/log/auth.log',
    ],
  },
  {
    id: 'filesystem/wipe-history',
    title: 'Wipes the history of a shell',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      if (run.program === 'history') return has(run, 'c', 'w') && has(run, 'c')
      const gone = removers.includes(run.program) ? operands(run) : overwrites(run)
      // Another text in its place is a rule of its own.
      const from = /^(?:cp|mv|install)$/.test(run.program) ? operands(run)[0]?.value : undefined
      return (from === undefined || from.startsWith('/dev/')) && firstAt(run, gone, 'history')
    },
    risk: 'wipes the history of commands, which hides what was done',
    caught: [
      'history -c',
      'rm ~/.bash_history',
      '> ~/.zsh_history',
      'ln -sf /dev/null ~/.bash_history',
      'history -cw',
    ],
    passed: ['history', 'cat ~/.bash_history', 'history -a'],
  },
  {
    id: 'filesystem/replace-history',
    title: 'Puts another text in the place of a history',
    severity: 'medium',
    programs: ['cp', 'mv', 'install', 'tee', 'dd', 'sed'],
    finds: (run) => firstAt(run, writes(run), 'history'),
    risk: (what) => `changes ${what}, which tells what was done`,
    caught: ['cp notes.txt ~/.bash_history'],
    passed: ['cat ~/.bash_history', 'cp ~/.bash_history /tmp'],
  },
]
