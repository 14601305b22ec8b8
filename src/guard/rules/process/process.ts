import { codeOf, interpreterNames } from '../../interpreter/code.js'
import type { Invocation } from '../../interpreter/programs/invocation.js'
import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import type { Rule } from '../rule.js'
import { begins, subcommand, writes } from '../run-predicates.js'
import { processText } from './text.js'

export const processes: readonly Rule[] = [
  ...processText,
  {
    id: 'process/fork-bomb',
    title: 'Fork bomb',
    severity: 'high',
    programs: ['*'],
    finds: (run) =>
      (run.recursive && (run.background || run.upstream.some((one) => one.recursive))) ||
      (run.part.startsWith('$0') && run.background && run.piped),
    risk: 'starts copies of itself until the machine no longer responds',
    safer: 'ulimit -u 200',
    caught: [':(){ :|:& };:', 'bomb() { bomb | bomb & }; bomb', 'f(){ f & f & }; f'],
    passed: ['f() { echo x | cat; }; f', 'f() { if true; then f; fi; }; f', ':', 'g() { sleep 1 & }; g'],
  },
  {
    id: 'process/fork-bomb-code',
    title: 'Fork bomb in code',
    severity: 'high',
    programs: interpreterNames,
    finds: (run) =>
      /fork\s*(?:\(\))?\s*while\b|while\s*(?:\(?\s*(?:True|1|true)\s*\)?)\s*[:{]?[^}]{0,200}\bfork\b|loop\s*\{\s*fork/.test(
        codeOf(run),
      ),
    risk: 'starts copies of itself until the machine no longer responds',
    caught: [
      "perl -e 'fork while fork'",
      `python3 -c 'import os
while True: os.fork()'`,
    ],
    passed: ["perl -e 'print 1'", `python3 -c 'import os; os.fork()'`],
  },
  {
    id: 'process/kill-everything',
    title: 'Kills init or every process',
    severity: 'high',
    programs: ['kill', 'killall', 'pkill', 'killall5', 'skill'],
    finds: (run) => {
      if (run.program === 'killall5') return true
      if (run.program === 'kill') return killsAll(run) || killsAllFound(run)
      const names = operands(run, 's', 'signal', 'u', 'g', 't', 'P', 'U')
      const vital = names.find((field) =>
        /^(?:systemd|init|sshd|\.|\.\*|systemd-\w+|dbus-daemon|launchd)$/.test(field.value),
      )
      return (
        vital ??
        (valuesOf(run, 'u', 'user').some((field) => field.value === 'root' || field.value === '0') && 'root')
      )
    },
    risk: 'kills init, the SSH server or all processes at once',
    caught: [
      'kill -9 1',
      'kill -9 -1',
      'pkill -9 systemd',
      'killall sshd',
      'pkill -u root',
      'kill -KILL -- -1',
      'pkill -f .',
    ],
    passed: ['kill -9 1234', 'pkill node', 'kill -1 4321', 'kill -l', 'pkill -f "node server"'],
  },
  {
    id: 'process/kill',
    title: 'Ends processes',
    severity: 'medium',
    programs: ['kill', 'killall', 'pkill', 'xkill', 'fuser'],
    finds: (run) => {
      if (run.program === 'fuser') return has(run, 'k', 'kill')
      if (run.program === 'kill')
        return (
          run.args.some((field) => /^-(?:9|KILL|SIGKILL)$/.test(field.value)) ||
          run.args.slice(1).some((field) => field.value === '1') ||
          valuesOf(run, 's').some((field) => /KILL|^9$/.test(field.value))
        )
      return operands(run).length > 0
    },
    risk: 'ends processes, which lose what they have not saved',
    safer: (run) =>
      run.program === 'kill'
        ? run.part.replace(/-(?:9|KILL|SIGKILL)\b/, '-TERM')
        : run.part.replace(/^(?:pkill|killall)(?:\s+-(?:9|KILL))?/, 'pgrep -a'),
    caught: ['kill -9 1234', 'pkill node', 'killall -9 java', 'fuser -k 8080/tcp'],
    passed: ['kill -0 1234', 'pgrep node', 'kill -l', 'fuser 80/tcp'],
  },
  {
    id: 'process/power-off',
    title: 'Powers off the machine',
    severity: 'high',
    programs: ['poweroff', 'halt', 'shutdown', 'init', 'telinit', 'systemctl'],
    finds: (run) => {
      const words = subcommand(run)
      if (run.program === 'systemctl')
        return (
          valuesOf(run, 'when').every((field) => field.value !== 'cancel') &&
          (begins(words, ['poweroff', 'halt', 'emergency', 'rescue', 'suspend', 'hibernate', 'kexec']) ||
            (words[0] === 'isolate' && /rescue|emergency|poweroff|halt/.test(words[1] ?? '')))
        )
      if (/init$/.test(run.program)) return begins(words, ['0', '1', 's', 'S'])
      if (run.program === 'shutdown')
        return !has(run, 'r', 'c', 'k', 'reboot', 'help') && run.args.length >= 0
      return !has(run, 'reboot', 'help', 'w', 'wtmp-only')
    },
    risk: 'powers off the machine, which cannot be turned on again from here',
    safer: 'shutdown -r +5',
    caught: ['poweroff', 'shutdown -h now', 'sudo systemctl poweroff', 'init 0', 'halt -f', 'shutdown now'],
    passed: ['shutdown -c', 'reboot', 'systemctl status', 'echo poweroff'],
  },
  {
    id: 'process/reboot',
    title: 'Restarts the machine',
    severity: 'medium',
    programs: [
      'reboot',
      'shutdown',
      'init',
      'telinit',
      'systemctl',
      'kexec',
      'halt',
      'poweroff',
      'launchctl',
    ],
    finds: (run) => {
      const words = subcommand(run)
      if (run.program === 'systemctl') return begins(words, ['reboot', 'soft-reboot'])
      if (/init$/.test(run.program)) return words[0] === '6'
      if (run.program === 'launchctl') return words[0] === 'reboot'
      if (/^(?:shutdown|halt|poweroff)$/.test(run.program))
        return has(run, 'reboot') || (run.program === 'shutdown' && has(run, 'r'))
      return !has(run, 'help', 'wtmp-only')
    },
    risk: 'restarts the machine and ends everything that runs on it',
    safer: 'shutdown -r +5',
    caught: ['sudo reboot', 'shutdown -r now', 'systemctl reboot', 'init 6'],
    passed: ['last reboot', 'shutdown -c', 'systemctl start x'],
  },
  {
    id: 'process/sysrq',
    title: 'Crashes or stops the kernel',
    severity: 'high',
    programs: ['*'],
    finds: (run) =>
      writes(run).find((field) =>
        /^\/proc\/(?:sysrq-trigger|kcore|kmem)$|^\/sys\/power\/state$|^\/dev\/(?:mem|kmem|port)$/.test(
          field.value,
        ),
      ),
    risk: (what) => `tells the kernel through ${what} to crash, restart or stop at once`,
    caught: ['echo c > /proc/sysrq-trigger', 'echo b | sudo tee /proc/sysrq-trigger'],
    passed: ['cat /proc/sysrq-trigger', 'echo 1 > /tmp/sysrq-trigger'],
  },
  {
    id: 'process/kernel',
    title: 'Changes the running kernel',
    severity: 'medium',
    programs: ['sysctl', 'modprobe', 'rmmod', 'insmod'],
    finds: (run) => {
      if (run.program === 'sysctl')
        return (
          has(run, 'w', 'p', 'write', 'load', 'system') ||
          run.args.some((field) => /^[\w.]+=/.test(field.value))
        )
      return operands(run).length > 0 && !has(run, 'n', 'show', 'c')
    },
    risk: 'changes the running kernel for everything on the machine',
    caught: ['sysctl -w vm.swappiness=10', 'rmmod nvme', 'sysctl net.ipv4.ip_forward=1'],
    passed: ['sysctl -a', 'sysctl vm.swappiness', 'lsmod'],
  },
  {
    id: 'process/service',
    title: 'Stops or restarts a service',
    severity: 'medium',
    programs: [
      'systemctl',
      'service',
      'rc-service',
      'launchctl',
      'supervisorctl',
      'pm2',
      'sv',
      'initctl',
      'invoke-rc.d',
      'nginx',
      'apachectl',
      'pg_ctl',
    ],
    finds: (run) => {
      const words = subcommand(run)
      if (run.program === 'nginx') return valuesOf(run, 's').some((field) => /stop|quit/.test(field.value))
      return words.some((word) =>
        /^(?:stop|restart|kill|disable|mask|try-restart|reload-or-restart|delete|bootout|unload|remove|force-stop|graceful-stop)$/.test(
          word,
        ),
      )
    },
    risk: 'stops or restarts a service, which interrupts its users',
    safer: (run) =>
      run.program === 'systemctl'
        ? run.part.replace(/\b(?:stop|restart|kill|disable|mask)\b/, 'status')
        : undefined,
    caught: [
      'systemctl restart nginx',
      'service mysql stop',
      'sudo systemctl disable --now cron',
      'pm2 delete all',
      'systemctl --user stop x',
    ],
    passed: ['systemctl status nginx', 'service mysql status', 'systemctl start nginx', 'pm2 list'],
  },
  {
    id: 'process/crontab-remove',
    title: 'Replaces or removes a crontab',
    severity: 'medium',
    programs: ['crontab', 'atrm'],
    finds: (run) => run.program === 'atrm' || (!has(run, 'l', 'e') && run.args.length > 0),
    risk: 'replaces or removes all scheduled jobs of a user',
    safer: 'crontab -l > crontab.backup',
    caught: ['crontab -r', 'crontab new.txt', 'echo "* * * * * x" | crontab -'],
    passed: ['crontab -l', 'crontab -e'],
  },
]

/** Every process that ps or pgrep lists, not filtered by name. */
function killsAllFound(run: Invocation): boolean {
  const told = [
    ...run.args.flatMap((field) => field.sources),
    ...(run.via.includes('xargs') ? run.upstream : []),
  ]
  if (told.some((one) => /^(?:e?grep|rg|fgrep|head|tail|sed)$/.test(one.program))) return false
  return told.some(
    (one) =>
      (one.program === 'pgrep' &&
        operands(one, 'u', 'U', 'g', 't', 'P').length === 0 &&
        valuesOf(one, 'u', 'U', 'user').some((field) => /^(?:root|0)$/.test(field.value))) ||
      (one.program === 'ps' &&
        one.args.some((field) => /^-?[a-zA-Z]*(?:ax|aux|e|A)/.test(field.value)) &&
        !has(one, 'p', 'C', 'u', 'pid', 'user') &&
        !told.some((other) => other.program === 'awk' && /\/|~|==/.test(codeOf(other)))),
  )
}

function killsAll(run: Invocation): boolean {
  const words = run.args.map((field) => field.value)
  const dashes = words.indexOf('--')
  const targets =
    dashes >= 0
      ? words.slice(dashes + 1)
      : words.slice(/^-/.test(words[0] ?? '') ? (/^-[sn]$/.test(words[0] ?? '') ? 2 : 1) : 0)
  if (has(run, 'l', 'L') && !words.some((word) => /^-\w*KILL/i.test(word))) return false
  // For init this signal means to reload its settings.
  if (/^-(?:SIG)?HUP$/.test(words[0] ?? '') && targets.every((word) => word === '1')) return false
  return targets.some((word) => word === '1' || word === '-1')
}
