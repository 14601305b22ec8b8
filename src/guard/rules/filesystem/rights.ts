import type { Field, Invocation } from '../../interpreter/programs/invocation.js'
import { HOLE } from '../../interpreter/programs/invocation.js'
import { has, operands } from '../../interpreter/programs/options.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'

/** Owners and modes. */
export const filesystemRights: readonly Rule[] = [
  {
    id: 'filesystem/permissions-root',
    title: 'Changes owner or mode of the whole system',
    severity: 'high',
    programs: ['chmod', 'chown', 'chgrp', 'chattr', 'setfacl', 'chcon'],
    finds: (run) =>
      (has(run, 'R', 'recursive') || handed(run.via)) &&
      firstAt(
        run,
        run.args.filter((field) => !isOwned(run, field)),
        'root',
        'system',
        'boot',
      ),
    risk: (what) =>
      `changes the owner or mode of ${what} and everything below it, which breaks logins, sudo and services`,
    caught: [
      'chmod -R 777 /',
      'chown -R me:me /usr',
      'sudo chmod 777 -R /etc',
      'chown --recursive daemon /var',
      'find / -exec chmod 777 {} +',
    ],
    passed: ['chmod -R 755 ./public', 'chown -R app:app /srv/app', 'chmod 644 /etc/hosts'],
  },
  {
    id: 'filesystem/permissions-home',
    title: 'Changes owner or mode of a whole home folder',
    severity: 'high',
    programs: ['chmod', 'chown', 'chgrp'],
    finds: (run) =>
      has(run, 'R', 'recursive') &&
      firstAt(
        run,
        run.args.filter((field) => !isOwned(run, field)),
        'home',
      ),
    risk: (what) => `changes the owner or mode of everything in ${what}, after which SSH refuses its keys`,
    caught: ['chmod -R 777 ~', 'chown -R root /home'],
    passed: ['chmod -R u+w ~/project', 'chmod 700 ~'],
  },
  {
    id: 'filesystem/permissions-shut',
    title: 'Makes the system or its programs unusable',
    severity: 'high',
    programs: ['chmod'],
    finds: (run) =>
      run.args.some((field) => shuts.test(field.value)) &&
      firstAt(
        run,
        run.args.filter((field) => field.glob || !/^\/(?:usr\/)?s?bin\/[^/]+$/.test(field.value)),
        'root',
        'system',
        'critical',
      ),
    risk: (what) => `removes the permissions on ${what} without which nothing runs`,
    caught: ['chmod -c 0000 /', 'chmod -x /usr/bin/*', 'chmod a-rx /lib'],
    passed: ['chmod 000 secret', 'chmod -x run.sh', 'chmod 755 /'],
  },
  {
    id: 'filesystem/permissions-program',
    title: 'Changes the mode of a system file',
    severity: 'medium',
    programs: ['chmod'],
    finds: (run) =>
      (run.args.some((field) => shuts.test(field.value)) && firstAt(run, operands(run), 'in-system')) ||
      (handed(run.via) &&
        firstAt(
          run,
          operands(run).filter((field) => field.value.startsWith('/')),
          'in-system',
          'maybe-root',
        )),
    risk: (what) => `changes who may use ${what}, which belongs to the system`,
    caught: ['chmod -c -x /bin/chmod', 'find / -perm -4000 -exec chmod u-s {} +'],
    passed: ['chmod -x run.sh', 'chmod 644 /etc/hosts', 'find . -type f -exec chmod 644 {} +'],
  },
  {
    id: 'filesystem/permissions-critical',
    title: 'Changes owner or mode of a file that controls access',
    severity: 'high',
    programs: ['chmod', 'chown'],
    finds: (run) => {
      const strict = run.args.some((field) => /^0?[0-7][04]0$|^[ugo]*-|^root/.test(field.value))
      const opened =
        run.program === 'chmod' && !run.args.some((field) => /^0?[64]44$|^0?755$/.test(field.value))
      return opened && !strict && firstAt(run, run.args, 'critical', 'sudoers', 'secret')
    },
    risk: (what) => `changes who may read or write ${what}`,
    caught: ['chmod 777 /etc/shadow', 'chmod o+w /etc/passwd', 'chmod 666 ~/.ssh/id_rsa'],
    passed: ['chmod 600 ~/.ssh/id_rsa', 'chmod 440 /etc/sudoers.d/x', 'chmod 755 run.sh'],
  },
  {
    id: 'filesystem/world-writable',
    title: 'Gives every user write access',
    severity: 'medium',
    programs: ['chmod'],
    finds: (run) => {
      // `-w` and the like are modes that only remove rights; the word after one is a file.
      if (run.args.some((field) => /^-[rwxXst]+$/.test(field.value))) return undefined
      const [mode] = operands(run)
      return mode && /^0?[0-7]?777$|^0?666$|^(?:a|o|ugo)\+[rx]*w/.test(mode.value) ? mode : undefined
    },
    risk: (what) => `gives write access to every user of the machine (${what})`,
    safer: (run) => run.part.replace(/\b0?777\b/, '755').replace(/\b0?666\b/, '644'),
    caught: ['chmod 777 upload', 'chmod -R 777 ./storage', 'chmod o+w f'],
    passed: ['chmod 755 f', 'chmod u+w f', 'chmod 700 d'],
  },
  {
    id: 'filesystem/recursive-permissions',
    title: 'Changes owner or mode of a tree',
    severity: 'medium',
    programs: ['chmod', 'chown', 'chgrp', 'chattr', 'setfacl'],
    finds: (run) => has(run, 'R', 'recursive'),
    risk: 'changes the owner or mode of every file of a tree, and no record of the former ones is kept',
    caught: ['chown -R app:app /srv/app', 'chmod -R 755 public'],
    passed: ['chmod 755 f', 'chown app f'],
  },
]

/** Modes with which no file can be run and no folder entered. */
const shuts = /^0?000$|^0000$|^[ugoa]*-[rw]*x[rwx]*$/

/**
 * Folders that are given to an owner for good reasons: `/usr/local` to a user, and to a service or a user the folder of its name.
 */
function isOwned(run: Invocation, field: Field): boolean {
  if (run.program !== 'chown') return false
  const [owner] = operands(run)
  const name = owner?.value.split(':')[0] ?? ''
  if (owner === undefined || owner === field || name === 'root') return false
  if (/^\/usr\/local(?:\/|$)/.test(field.value)) return true
  const own = /^\/(?:home|Users|var\/lib)\/([^/]+)\/?$/.exec(field.value)?.[1]
  return (
    own !== undefined && (own === name || /^(?:postgres|mysql|redis|mongodb)$/.test(name) || name === HOLE)
  )
}

function handed(via: readonly string[]): boolean {
  return via.some((name) => name === 'find' || name === 'xargs')
}
