import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import type { Rule } from '../rule.js'
import { begins } from '../run-predicates.js'
import { networkCode } from './code.js'
import { networkSecrets } from './secrets.js'

export const network: readonly Rule[] = [
  ...networkCode,
  ...networkSecrets,
  {
    id: 'network/firewall-flush',
    title: 'Clears or closes the firewall',
    severity: 'high',
    programs: [
      'iptables',
      'ip6tables',
      'nft',
      'ufw',
      'firewall-cmd',
      'pfctl',
      'iptables-restore',
      'ebtables',
      'ipset',
    ],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (has(run, 'dry-run')) return false
      if (/tables$/.test(run.program)) {
        return (
          has(run, 'F', 'flush', 'X') ||
          ((has(run, 'P', 'policy') || has(run, 'A', 'I')) &&
            words.some((word) => /^(?:DROP|REJECT)$/.test(word)) &&
            words.includes('INPUT') &&
            (has(run, 'P', 'policy') || isBroad(words) || closesSsh(words)))
        )
      }
      if (run.program === 'nft') return begins(words, 'flush') || begins(words, 'delete', 'table')
      if (run.program === 'ufw')
        return (
          words.includes('reset') ||
          words.includes('disable') ||
          (begins(words, 'default', ['deny', 'reject']) && words[2] !== 'outgoing') ||
          (words.some((word) => /^(?:deny|reject)$/.test(word)) &&
            words.some((word) => /^(?:22(?:\/tcp)?|ssh|OpenSSH)$/.test(word)))
        )
      if (run.program === 'firewall-cmd')
        return words.some((word) =>
          /^--panic-on|^--remove-service=ssh|--set-default-zone=(?:drop|block)/.test(word),
        )
      if (run.program === 'pfctl') return has(run, 'F', 'd')
      return false
    },
    risk: 'clears or closes the firewall, which lets everyone in or locks everyone out, you included',
    safer: (run) => (run.program === 'iptables' ? 'iptables-save > iptables.backup' : undefined),
    caught: [
      'iptables -F',
      'sudo iptables -P INPUT DROP',
      'nft flush ruleset',
      'ufw --force reset',
      'iptables --flush INPUT',
      'ufw deny 22',
      'iptables -A INPUT -j DROP',
      'firewall-cmd --panic-on',
      'ufw default deny incoming',
    ],
    passed: [
      'iptables -L -n',
      'ufw status',
      'ufw allow 443',
      'nft list ruleset',
      'iptables -A INPUT -s 1.2.3.4 -j DROP',
      'iptables -A INPUT -p tcp --dport 80 -j ACCEPT',
    ],
  },
  {
    id: 'network/firewall',
    title: 'Changes the firewall',
    severity: 'medium',
    programs: ['iptables', 'ip6tables', 'nft', 'ufw', 'firewall-cmd', 'iptables-restore', 'ipset', 'pfctl'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (has(run, 'dry-run')) return false
      if (run.program === 'iptables-restore') return true
      if (/tables$/.test(run.program))
        return has(run, 'A', 'I', 'D', 'R', 'N', 'E', 'append', 'insert', 'delete')
      return words.some((word) =>
        /^(?:add|delete|allow|deny|reject|limit|enable|insert|create|destroy|--add-|--remove-|--reload|-f$)/.test(
          word,
        ),
      )
    },
    risk: 'changes who can reach this machine',
    caught: [
      'ufw allow 443',
      'iptables -A INPUT -p tcp --dport 80 -j ACCEPT',
      'firewall-cmd --add-port=80/tcp',
      'ufw enable',
    ],
    passed: ['iptables -L', 'ufw status verbose', 'nft list ruleset'],
  },
  {
    id: 'network/stop-sshd',
    title: 'Stops remote access',
    severity: 'high',
    programs: [
      'systemctl',
      'service',
      'rc-service',
      'launchctl',
      'update-rc.d',
      'chkconfig',
      'invoke-rc.d',
      'initctl',
    ],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      const stops = words.some((word) => /^(?:stop|disable|mask|kill|bootout|unload|remove|off)$/.test(word))
      return (
        stops &&
        run.args.find((field) =>
          /^(?:sshd?|openssh(?:-server)?|networking|network|NetworkManager|systemd-networkd|ssh|wg-quick@\S*|tailscaled|com\.openssh\.sshd|dropbear)(?:\.service|\.socket)?$/.test(
            field.value,
          ),
        )
      )
    },
    risk: (what) => `stops ${what}, which can make this machine unreachable`,
    safer: (run) => run.part.replace(/\b(?:stop|disable|mask|kill)\b/, 'status').replace(' --now', ''),
    caught: [
      'systemctl stop sshd',
      'sudo service ssh stop',
      'systemctl disable --now ssh.service',
      'systemctl stop NetworkManager',
    ],
    passed: ['systemctl restart sshd', 'systemctl status ssh', 'systemctl stop nginx', 'service ssh reload'],
  },
  {
    id: 'network/cut-off',
    title: 'Takes the network down',
    severity: 'high',
    programs: [
      'ip',
      'ifconfig',
      'ifdown',
      'nmcli',
      'route',
      'wg-quick',
      'tailscale',
      'networksetup',
      'netplan',
    ],
    finds: (run) => {
      const words = operands(run).map((field) => field.value)
      if (run.program === 'ip') {
        const [object = '', action = ''] = words
        if (object === 'link' || object === 'l')
          return /^s/.test(action) && words.includes('down') && !words.includes('lo')
        return (
          (/^(?:a|addr|address|r|ro|route|rule)$/.test(object) && /^(?:flush|f)$/.test(action)) ||
          (/^r/.test(object) && /^del/.test(action) && words.includes('default'))
        )
      }
      if (run.program === 'ifconfig') return words.includes('down')
      if (run.program === 'ifdown') return words[0] !== 'lo' && words.length > 0
      if (run.program === 'nmcli')
        return (
          begins(words, ['networking', 'n'], 'off') ||
          begins(words, ['con', 'connection', 'c', 'dev', 'device', 'd'], ['down', 'delete', 'disconnect']) ||
          begins(words, ['radio', 'r'], ['all', 'wifi'], 'off')
        )
      if (run.program === 'route') return /^del/.test(words[0] ?? '') && words.includes('default')
      return begins(words, 'down')
    },
    risk: 'takes this machine off the network',
    safer: 'ip -brief address',
    caught: [
      'ip link set eth0 down',
      'ifconfig en0 down',
      'ip route del default',
      'nmcli networking off',
      'ip addr flush dev eth0',
      'ifdown eth0',
    ],
    passed: ['ip link', 'ip addr show', 'ip route', 'nmcli dev status', 'ip link set lo down'],
  },
  {
    id: 'network/serve',
    title: 'Opens this machine to others',
    severity: 'medium',
    programs: [
      'python',
      'nc',
      'ncat',
      'netcat',
      'socat',
      'php',
      'ssh',
      'ngrok',
      'cloudflared',
      'localtunnel',
      'lt',
      'autossh',
      'chisel',
    ],
    finds: (run) => {
      if (run.program === 'python')
        return valuesOf(run, 'm').some((field) =>
          /^(?:http\.server|SimpleHTTPServer|pyftpdlib)$/.test(field.value),
        )
      if (/^(?:nc|ncat|netcat)$/.test(run.program)) return has(run, 'l', 'listen')
      if (run.program === 'socat') return run.args.some((field) => /-listen:/i.test(field.value))
      if (/ssh$/.test(run.program)) return has(run, 'R') && valuesOf(run, 'R').length > 0
      if (run.program === 'php') return has(run, 'S')
      return run.args.length > 0 && !has(run, 'help', 'version')
    },
    risk: 'opens this machine or its files to others',
    caught: ['python3 -m http.server 8000', 'nc -l 9000', 'ssh -R 8080:localhost:80 host', 'ngrok http 80'],
    passed: ['python3 -m venv x', 'nc -zv h 22', 'ssh -L 8080:localhost:80 host', 'ssh host'],
  },
]

/** The port of SSH, for every address. */
function closesSsh(words: readonly string[]): boolean {
  const port = words.findIndex((word) => /^--dports?$|^--destination-port$/.test(word))
  const own = words.some((word) => /^(?:-s|--source|-i|--in-interface|!)$/.test(word))
  return !own && port >= 0 && /^(?:22|ssh)$/.test(words[port + 1] ?? '')
}

function isBroad(words: readonly string[]): boolean {
  return !words.some((word) =>
    /^(?:-s|-p|-i|-d|-m|--source|--protocol|--dport|--in-interface|--destination|--match)$/.test(word),
  )
}
