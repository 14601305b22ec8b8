import { type Field, type Invocation, isKnown } from '../../interpreter/programs/invocation.js'
import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import { isFiltered, startsOf } from '../../interpreter/programs/upstream.js'
import { firstAt, isAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { goesDown, overwrites, removers, writes } from '../run-predicates.js'
import { filesystemFind } from './find.js'
import { filesystemRights } from './rights.js'
import { filesystemTraces } from './traces.js'

export const filesystem: readonly Rule[] = [
  ...filesystemFind,
  ...filesystemRights,
  ...filesystemTraces,
  {
    id: 'filesystem/delete-root',
    title: 'Deletes the system or a home folder',
    severity: 'high',
    programs: removers,
    finds: (run) =>
      goesDown(run) && firstAt(run, [...operands(run), ...foundFor(run)], 'root', 'system', 'home'),
    risk: (what) => `deletes ${what} and everything below it; this cannot be undone`,
    consequence:
      'Programs, settings and data are gone afterwards, and the machine or the account no longer works.',
    safer: (run) => {
      const target = firstAt(run, operands(run), 'root', 'system', 'home')
      // First look at what is meant, then name one folder, and be asked once.
      const look = target ? [`ls -la ${target.text}`] : []
      return run.program === 'rm' ? [...look, 'rm -rI --one-file-system ./the-one-folder'] : look
    },
    caught: [
      'rm -rf /',
      'rm -rf /*',
      'sudo rm --recursive --force ~',
      'cd / && rm -rf *',
      'find / -exec rm {} +',
      'rm -r -f "$HOME"',
      'rm -rf /etc/../usr',
    ],
    passed: ['rm -rf ./build', 'echo "rm -rf /"', 'rm -rf /tmp/x', 'rm -rf "~"'],
  },
  {
    id: 'filesystem/delete-critical',
    title: 'Deletes a file that the machine needs',
    severity: 'high',
    programs: removers,
    finds: (run) => firstAt(run, operands(run), 'critical', 'boot', 'ssh-folder', 'sudoers'),
    risk: (what) => `deletes ${what}, without which the machine does not start or locks everyone out`,
    caught: ['rm /etc/passwd', 'rm -f /boot/vmlinuz-6.1', 'rm -rf ~/.ssh', 'unlink /etc/shadow'],
    passed: ['rm /etc/nginx/sites-enabled/default', 'rm passwd', 'rm ~/.ssh/known_hosts.old'],
  },
  {
    id: 'filesystem/delete-unknown-root',
    title: 'Deletes the root if a variable is empty',
    severity: 'medium',
    programs: removers,
    finds: (run) =>
      goesDown(run) &&
      // What find passes on exists, so its name is not empty.
      !run.via.some((name) => /^(?:find|xargs|xe|parallel)$/.test(name)) &&
      operands(run).find((field) => !isKnown(field) && isAt(run, field, 'maybe-root')),
    risk: (what) => `deletes ${what}, which is at the root of the file system if the variable is empty`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is shell
    safer: (run) => run.part.replace(/\$\{?(\w+)\}?/, '${$1:?}'),
    caught: ['rm -rf "$DIR/"*', 'rm -rf /$name', 'rm -rf $ROOT/bin'],
    passed: ['rm -rf "$dir"', 'DIR=/tmp/x; rm -rf "$DIR/"*'],
  },
  {
    id: 'filesystem/delete-recursive',
    title: 'Deletes a folder',
    severity: 'medium',
    programs: removers,
    finds: (run) => goesDown(run) && (operands(run)[0] ?? false),
    risk: (what) => `deletes ${what} and everything in it; this cannot be undone`,
    safer: (run) =>
      run.program === 'rm' && run.part.startsWith('rm ')
        ? run.part.replace(/^rm .*?(?=\s[^-\s])/, 'ls -la')
        : undefined,
    caught: ['rm -r build', 'rm -rf node_modules dist', 'ls | xargs rm'],
    passed: ['rm file.txt', 'rm -i a b', 'rm --help'],
  },
  {
    id: 'filesystem/delete-in-system',
    title: 'Deletes a system file',
    severity: 'medium',
    programs: removers,
    finds: (run) => !goesDown(run) && firstAt(run, operands(run), 'in-system', 'planted'),
    risk: (what) => `deletes ${what}, which belongs to the system or to a service`,
    caught: ['rm ~/.bashrc', 'rm /etc/nginx/nginx.conf', 'sudo rm -f /usr/bin/foo', 'rm /var/lib/dpkg/lock'],
    passed: ['rm /tmp/x', 'rm /var/cache/apt/x.deb', 'rm notes'],
  },
  {
    id: 'filesystem/move-root',
    title: 'Moves a system folder away',
    severity: 'high',
    programs: ['mv'],
    finds: (run) =>
      firstAt(run, operands(run, 't', 'S').slice(0, -1), 'root', 'system', 'home', 'critical') ??
      takenOut(run) ??
      (operands(run).at(-1)?.value === '/dev/null' && '/dev/null'),
    risk: (what) => `moves ${what} away, so that programs no longer find it`,
    caught: ['mv /etc /tmp/etc', 'mv ~ /dev/null', 'mv /* /tmp', 'mv /lib/x86_64-linux-gnu /root/x'],
    passed: ['mv a b', 'mv /etc/nginx/a.conf /tmp', 'mv build /opt/app'],
  },
  {
    id: 'filesystem/pack-root',
    title: 'Archives a system folder and deletes it',
    severity: 'high',
    programs: ['gzip', 'bzip2', 'xz', 'zstd', 'lzma', 'tar', 'zip', '7z'],
    finds: (run) => {
      // These delete what they have packed, by default or with an option.
      const alone = /^(?:gzip|bzip2|xz|lzma)$/.test(run.program)
      const removes = alone
        ? goesDown(run) && !has(run, 'c', 'k', 'd', 'l', 't', 'stdout', 'keep', 'decompress', 'list', 'test')
        : has(run, 'remove-files', 'rm', 'sdel') || (run.program === 'zip' && has(run, 'm', 'move'))
      return removes && firstAt(run, operands(run, 'f', 'C', 'T', 'S'), 'root', 'system', 'home')
    },
    risk: (what) => `deletes the files of ${what} and leaves only a packed copy of them`,
    caught: ['gzip -r /etc', 'find /etc -type f -exec gzip {} +', 'tar czf /tmp/x --remove-files /usr'],
    passed: [
      'gzip -k /etc/hosts',
      'tar czf x.tgz /etc',
      'gzip -r logs',
      'find /var/log -name "*.1" -exec gzip {} +',
    ],
  },
  {
    id: 'filesystem/overwrite-critical',
    title: 'Overwrites a file that the machine needs',
    severity: 'high',
    programs: ['*'],
    finds: (run) =>
      isRemote(run)
        ? firstAt(run, overwrites(run), 'critical')
        : (firstAt(run, overwrites(run), 'critical', 'boot', 'root') ?? renamedTo(run)),
    risk: (what) => `overwrites ${what}, without which the machine does not start or locks everyone out`,
    safer: (run) => {
      const target = overwrites(run).find((field) => isAt(run, field, 'critical', 'boot'))
      return target ? `cp -a ${target.text} ${target.text}.before` : undefined
    },
    caught: [
      'echo x > /etc/passwd',
      ': > /etc/shadow',
      'cp my.conf /etc/fstab',
      'truncate -s 0 /etc/sudoers',
      'ln -sf /dev/null /etc/passwd',
      'echo x | sudo tee /etc/ssh/sshd_config',
    ],
    passed: ['cat /etc/passwd > copy', 'cp /etc/fstab /tmp', 'echo x > /tmp/passwd', 'tee -a /etc/hosts'],
  },
  {
    id: 'filesystem/append-critical',
    title: 'Adds to a file that decides on access',
    severity: 'high',
    programs: ['*'],
    finds: (run) =>
      firstAt(run, writes(run), 'sudoers') ??
      writes(run).find((field) => /^\/etc\/(?:passwd|shadow|ld\.so\.preload|pam\.d\/.*)$/.test(field.value)),
    risk: (what) => `adds to ${what}, which decides who may do what on this machine`,
    safer: (run) => (run.part.includes('sudoers') ? 'visudo -c' : undefined),
    caught: [
      'echo "x ALL=(ALL) NOPASSWD: ALL" >> /etc/sudoers',
      'echo r::0:0::/:/bin/sh >> /etc/passwd',
      'echo /tmp/x.so | tee -a /etc/ld.so.preload',
    ],
    passed: ['echo "127.0.0.1 x" >> /etc/hosts', 'visudo -c -f /etc/sudoers', 'cat /etc/sudoers'],
  },
  {
    id: 'filesystem/write-in-system',
    title: 'Changes a system file',
    severity: 'medium',
    programs: ['*'],
    finds: (run) => firstAt(run, writes(run), 'in-system', 'kernel', 'boot'),
    risk: (what) => `changes ${what}, which belongs to the system or to a service`,
    caught: [
      'echo "127.0.0.1 x" >> /etc/hosts',
      'sed -i s/a/b/ /etc/nginx/nginx.conf',
      'cp tool /usr/local/bin/tool',
      'ln -s /opt/x /usr/bin/x',
    ],
    passed: ['echo x > /dev/null', 'make 2>/dev/stderr', 'cp /etc/hosts .', 'echo x > /tmp/etc'],
  },
  {
    id: 'filesystem/sync-delete',
    title: 'Mirrors a folder onto a system folder',
    severity: 'high',
    programs: ['rsync', 'rclone'],
    finds: (run) =>
      (run.args.some((field) => /^--del/.test(field.value)) || operands(run)[0]?.value === 'sync') &&
      !has(run, 'n', 'dry-run') &&
      firstAt(
        run,
        run.program === 'rsync' ? overwrites(run) : operands(run).slice(-1),
        'root',
        'system',
        'home',
      ),
    risk: (what) => `deletes everything in ${what} that the source does not have`,
    safer: (run) => run.part.replace(/^rsync /, 'rsync --dry-run '),
    caught: ['rsync -a --delete empty/ /', 'rsync -a --delete-after x/ /home/me/'],
    passed: ['rsync -a src/ dst/', 'rsync -a --delete a/ /srv/site/', 'rsync -a / host:/backup/'],
  },
  {
    id: 'filesystem/sync-delete-scoped',
    title: 'Deletes what the source does not have',
    severity: 'medium',
    programs: ['rsync'],
    finds: (run) => run.args.some((field) => /^--del/.test(field.value)) && !has(run, 'n', 'dry-run'),
    risk: 'deletes files at the target that the source does not have',
    safer: (run) => run.part.replace(/^rsync /, 'rsync --dry-run '),
    caught: ['rsync -a --delete a/ b/', 'rsync --delete-before -a a/ h:b/'],
    passed: ['rsync -a a/ b/', 'rsync -an --delete a/ b/'],
  },
  {
    id: 'filesystem/unpack-into-root',
    title: 'Unpacks an archive over the system',
    severity: 'medium',
    programs: ['tar', 'bsdtar', 'unzip', 'cpio'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      const target = (run.program === 'unzip' ? valuesOf(run, 'd') : valuesOf(run, 'C', 'directory'))[0]
      return (
        target !== undefined &&
        isAt(run, target, 'root', 'system', 'home') &&
        !/^\/(?:opt|srv|mnt|media|home|run)\b/.test(target.value) &&
        !words.some((word) => /^-?-?(?:c|list|create)[a-z]*$/.test(word)) &&
        target
      )
    },
    risk: (what) => `overwrites files in ${what} with those of the archive`,
    safer: 'tar -tvf archive.tar',
    caught: ['tar -xzf x.tgz -C /', 'unzip x.zip -d /usr'],
    passed: ['tar -xzf x.tgz -C /opt/app', 'tar -czf x.tgz -C / etc', 'tar -tf x.tgz'],
  },
]

/** It writes to another machine. */
function isRemote(run: Invocation): boolean {
  return /^(?:scp|rsync)$/.test(run.program) && /^[^/:]+:/.test(operands(run, 'e').at(-1)?.value ?? '')
}

/** The other name under which tar writes a file: `--transform s,.*,/etc/passwd,`. */
function renamedTo(run: Invocation): Field | undefined {
  if (!/^(?:bsd)?tar$/.test(run.program)) return undefined
  const paths = valuesOf(run, 'transform', 'xform', 's').flatMap((field) => {
    const path = /^s(.).*\1(\/[^\s]*)\1/.exec(field.value)?.[2]
    return path === undefined ? [] : [{ ...field, value: path }]
  })
  return firstAt(run, paths, 'critical', 'boot')
}

/** A program or a library that is moved out of its folder. */
function takenOut(run: Invocation): Field | undefined {
  const words = operands(run, 't', 'S')
  const into = words.at(-1)?.value ?? ''
  return words.slice(0, -1).find((field) => {
    const folder = /^(\/(?:usr\/)?(?:s?bin|lib(?:64)?)\/)[^/]+$/.exec(field.value)?.[1]
    return folder !== undefined && !into.startsWith(folder)
  })
}

/** The starting point of an unfiltered find whose output is in the words: `rm $(find /usr -type f)`. */
function foundFor(run: Invocation): readonly Field[] {
  return run.args
    .flatMap((field) => field.sources)
    .filter((one) => one.program === 'find' && !isFiltered(one))
    .flatMap(startsOf)
}
