import { has, operands } from '../../interpreter/programs/options.js'
import { isFiltered, startsOf } from '../../interpreter/programs/upstream.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { overwrites, removers, writes } from '../run-predicates.js'
import { deletes } from './find.js'

/** The records of what was done on a machine: logs and histories. */
export const filesystemTraces: readonly Rule[] = [
  {
    id: 'filesystem/wipe-logs',
    title: 'Deletes logs',
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
    risk: (what) => `deletes ${what}, so that what happened on this machine can no longer be traced`,
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
    title: 'Deletes a shell history',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      if (run.program === 'history') return has(run, 'c', 'w') && has(run, 'c')
      const gone = removers.includes(run.program) ? operands(run) : overwrites(run)
      // For replacing its text there is a rule of its own.
      const from = /^(?:cp|mv|install)$/.test(run.program) ? operands(run)[0]?.value : undefined
      return (from === undefined || from.startsWith('/dev/')) && firstAt(run, gone, 'history')
    },
    risk: 'deletes the shell history, which hides what was done',
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
    title: 'Changes a shell history',
    severity: 'medium',
    programs: ['cp', 'mv', 'install', 'tee', 'dd', 'sed'],
    finds: (run) => firstAt(run, writes(run), 'history'),
    risk: (what) => `changes ${what}, which records what was done`,
    caught: ['cp notes.txt ~/.bash_history'],
    passed: ['cat ~/.bash_history', 'cp ~/.bash_history /tmp'],
  },
]
