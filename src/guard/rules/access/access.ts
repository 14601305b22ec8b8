import type { Invocation } from '../../interpreter/programs/invocation.js'
import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { overwrites, reads, writes } from '../run-predicates.js'

/** It reads the files in a folder. */
function goesInto(run: Invocation): boolean {
  return /^(?:tar|zip|7z)$/.test(run.program) || has(run, 'r', 'R', 'a', 'recursive', 'archive')
}

export const access: readonly Rule[] = [
  {
    id: 'access/replace-keys',
    title: 'Replaces the keys that may log in',
    severity: 'high',
    programs: ['*'],
    finds: (run) => firstAt(run, overwrites(run), 'keys'),
    risk: (what) => `replaces ${what}, which locks out everyone who logs in with a key`,
    safer: (run) => run.part.replace(/(?<!>)>(?!>)/, '>>'),
    caught: [
      'echo "ssh-rsa x" > ~/.ssh/authorized_keys',
      'cp k /root/.ssh/authorized_keys',
      ': > /home/me/.ssh/authorized_keys',
    ],
    passed: ['echo "ssh-rsa x" >> ~/.ssh/authorized_keys', 'cat ~/.ssh/authorized_keys'],
  },
  {
    id: 'access/add-key',
    title: 'Adds a key that may log in',
    severity: 'medium',
    programs: ['*'],
    finds: (run) => run.program === 'ssh-copy-id' || firstAt(run, writes(run), 'keys'),
    risk: 'lets the owner of a key log in to this account',
    caught: ['echo "ssh-rsa x" >> ~/.ssh/authorized_keys', 'cat k | tee -a ~/.ssh/authorized_keys'],
    passed: ['cat ~/.ssh/authorized_keys', 'ls ~/.ssh'],
  },
  {
    id: 'access/lock-account',
    title: 'Locks or empties an account',
    severity: 'high',
    programs: ['passwd', 'usermod', 'chage', 'userdel', 'deluser', 'pkill', 'dscl'],
    finds: (run) => {
      const root = run.args.find((field) => field.value === 'root')
      if (run.program === 'passwd') return has(run, 'd', 'delete') ? true : has(run, 'l', 'lock') && root
      if (run.program === 'usermod')
        return (
          has(run, 'o', 'non-unique') ||
          ((has(run, 'L', 'lock') || valuesOf(run, 's').some((one) => /nologin|false$/.test(one.value))) &&
            root)
        )
      if (run.program === 'chage') return has(run, 'E') && root
      return (
        /del/.test(run.program) &&
        (root ?? (has(run, 'r', 'remove', 'remove-home', 'remove-all-files') && true))
      )
    },
    risk: 'locks an account, opens it without a password, or deletes it with its home folder',
    caught: [
      'passwd -l root',
      'passwd -d me',
      'userdel -r me',
      'usermod -L root',
      'deluser --remove-home me',
    ],
    passed: ['passwd me', 'usermod -aG docker me', 'userdel me', 'passwd -S root'],
  },
  {
    id: 'access/second-root',
    title: 'Gives an account the rights of root',
    severity: 'high',
    programs: ['useradd', 'adduser', 'usermod'],
    finds: (run) =>
      valuesOf(run, 'u', 'uid').some((field) => field.value === '0') ||
      valuesOf(run, 'g', 'gid', 'G').some((field) => /^(?:0|root)$/.test(field.value)),
    risk: 'gives an account all the rights of root',
    caught: ['useradd -o -u 0 x', 'usermod --uid 0 -o x'],
    passed: ['useradd -m x', 'useradd -u 1000 x'],
  },
  {
    id: 'access/accounts',
    title: 'Changes accounts or groups',
    severity: 'medium',
    programs: [
      'useradd',
      'adduser',
      'userdel',
      'deluser',
      'usermod',
      'groupadd',
      'groupdel',
      'groupmod',
      'gpasswd',
      'chpasswd',
      'passwd',
      'vipw',
      'vigr',
      'newusers',
      'chsh',
      'chage',
      'visudo',
    ],
    finds: (run) =>
      !has(run, 'S', 'l', 'help', 'version', 'status', 'c', 'check') || run.program === 'usermod',
    risk: 'changes the accounts or groups of this machine',
    caught: ['useradd -m x', 'usermod -aG sudo x', 'echo x:y | chpasswd', 'groupdel dev'],
    passed: ['passwd -S x', 'chage -l x', 'visudo -c', 'id x', 'groups'],
  },
  {
    id: 'access/setuid',
    title: "Lets a program run with another user's rights",
    severity: 'high',
    programs: ['chmod', 'setcap', 'install'],
    finds: (run) => {
      if (run.program === 'setcap')
        return (
          /cap_(?:setuid|sys_admin|dac_override|setgid|sys_ptrace|sys_module)/i.test(
            run.args[0]?.value ?? '',
          ) && true
        )
      const modes = run.program === 'install' ? valuesOf(run, 'm', 'mode') : run.args
      return modes.find(
        (field) =>
          /^[246][0-7]{3}$|^0[246][0-7]{3}$|^(?:[ugoa]*[ua][ugoa]*)?\+[rwxst]*s/.test(field.value) &&
          !/^0?2/.test(field.value),
      )
    },
    risk: (what) => `gives everyone who starts the program rights beyond their own (${what})`,
    caught: ['chmod u+s /bin/bash', 'chmod 4755 tool', 'setcap cap_setuid+ep /usr/bin/python3', 'chmod +s x'],
    passed: ['chmod +x x', 'chmod 2775 shared', 'chmod 755 x', 'setcap cap_net_bind_service=+ep node'],
  },
  {
    id: 'access/setgid',
    title: 'Makes a folder or a program pass on its group',
    severity: 'medium',
    programs: ['chmod'],
    finds: (run) => run.args.find((field) => /^[go]*g[go]*\+[rwxt]*s/.test(field.value)),
    risk: (what) => `sets the setgid bit, so that what is created or started there gets its group (${what})`,
    caught: ['chmod g+s /srv/team'],
    passed: ['chmod g+w x', 'chmod u+x x'],
  },
  {
    id: 'access/protection-off',
    title: 'Turns off a security feature',
    severity: 'medium',
    programs: [
      'setenforce',
      'aa-teardown',
      'aa-disable',
      'aa-complain',
      'auditctl',
      'csrutil',
      'spctl',
      'apparmor_parser',
      'ssh-keyscan',
      'ssh-keygen',
      'chattr',
    ],
    finds: (run) => {
      if (run.program === 'setenforce') return /^(?:0|permissive)$/i.test(run.args[0]?.value ?? '')
      if (run.program === 'auditctl')
        return has(run, 'D') || valuesOf(run, 'e').some((field) => field.value === '0')
      if (run.program === 'chattr') return run.args.some((field) => /^-[a-z]*i/.test(field.value))
      if (run.program === 'apparmor_parser') return has(run, 'R')
      if (/^ssh-/.test(run.program)) return false
      return !run.args.some((field) => field.value === 'status')
    },
    risk: 'turns off a security feature of this machine',
    caught: ['setenforce 0', 'auditctl -D', 'chattr -i /etc/resolv.conf', 'aa-disable /usr/sbin/x'],
    passed: ['getenforce', 'setenforce 1', 'auditctl -l', 'csrutil status'],
  },
  {
    id: 'access/stop-audit',
    title: 'Stops or erases logs',
    severity: 'high',
    programs: ['systemctl', 'service', 'auditctl', 'journalctl', 'logrotate', 'wevtutil', 'dmesg'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (run.program === 'journalctl')
        return (
          words.some((word) => /^--vacuum-(?:time|size|files)=(?:1s|1|0\w*|1[KB]?|1us)$/.test(word)) ||
          (/^--vacuum/.test(words[0] ?? '') && /^(?:1s|1|0)$/.test(words[1] ?? ''))
        )
      if (!/^(?:systemctl|service)$/.test(run.program)) return false
      return (
        words.some((word) => /^(?:stop|disable|mask|kill)$/.test(word)) &&
        run.args.find((field) =>
          /^(?:auditd|rsyslog|syslog|syslog-ng|systemd-journald|falcon-sensor|osqueryd|wazuh-agent|fail2ban|crowdsec|clamav-daemon|mdatp)(?:\.service|\.socket)?$/.test(
            field.value,
          ),
        )
      )
    },
    risk: 'stops or erases the record of what happens on this machine',
    caught: [
      'systemctl stop auditd',
      'service rsyslog stop',
      'journalctl --rotate --vacuum-time=1s',
      'systemctl disable --now fail2ban',
    ],
    passed: ['journalctl --vacuum-time=14d', 'systemctl restart rsyslog', 'journalctl -u x'],
  },
  {
    id: 'access/history-off',
    title: 'Keeps commands out of the shell history',
    severity: 'medium',
    programs: ['unset', 'set', 'export'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (run.program === 'unset') return words.includes('HISTFILE')
      if (run.program === 'set') return words[0] === '+o' && words[1] === 'history'
      return words.some((word) => /^HIST(?:FILE=(?:\/dev\/null)?|(?:FILE)?SIZE=0)$/.test(word))
    },
    risk: 'keeps the commands that follow out of the shell history',
    caught: ['unset HISTFILE', 'export HISTSIZE=0', 'set +o history', 'export HISTFILE=/dev/null'],
    passed: ['export HISTSIZE=10000', 'unset X', 'set -o pipefail'],
  },
  {
    id: 'access/show-secret',
    title: 'Reads a secret',
    severity: 'medium',
    programs: ['*'],
    finds: (run) =>
      run.program !== 'openssl' &&
      !(run.program === 'gpg' && run.redirects.length > 0) &&
      firstAt(
        run,
        // Programs that do not recurse only list a folder of secrets.
        reads(run).filter((field) => !/\.ssh$|\.aws$/.test(field.value) || goesInto(run)),
        'secret',
      ),
    risk: (what) => `shows ${what}, and the output is stored with the command`,
    caught: ['cat /etc/shadow', 'cat ~/.aws/credentials', 'head ~/.ssh/id_rsa', 'grep pass ~/.netrc'],
    passed: ['cat ~/.ssh/id_rsa.pub', 'ls ~/.ssh', 'ssh -i ~/.ssh/id_rsa x', 'cat /etc/hosts'],
  },
  {
    id: 'access/shell-as-root',
    title: "Opens a shell with another user's rights",
    severity: 'medium',
    programs: ['sudo', 'su', 'doas', 'pkexec'],
    finds: (run) =>
      run.program === 'su'
        ? valuesOf(run, 'c', 'command').length === 0 && run.upstream.length === 0 && !has(run, 'help')
        : has(run, 'i', 's', 'login', 'shell') && operands(run, 'u').length === 0,
    risk: "opens a shell with another user's rights, in which anything may run",
    caught: ['sudo -i', 'su -', 'sudo -s'],
    passed: ['sudo ls', 'su -c "ls" me', 'sudo -l'],
  },
]
