import { codeOf, interpreterNames } from '../../interpreter/code.js'
import { HOLE, type Invocation, isKnown } from '../../interpreter/programs/invocation.js'
import { loadsCode } from '../../interpreter/programs/loaders.js'
import { operands } from '../../interpreter/programs/options.js'
import { shellNames } from '../../interpreter/programs/shells.js'
import type { Rule } from '../rule.js'
import { decoder, fetcher } from '../run-predicates.js'

/** Text and programs that are only known when they run. */
export const processText: readonly Rule[] = [
  {
    id: 'process/hidden-code',
    title: 'Runs encoded text',
    severity: 'high',
    programs: [...shellNames, ...interpreterNames, 'eval', 'source', '.'],
    finds: (run) =>
      runsUnknown(run) &&
      decoder(carried(run)) &&
      !fetcher(carried(run)) &&
      (decoder(carried(run))?.part ?? true),
    risk: (what) => `runs what “${what}” decodes, before anyone has read it`,
    safer: (run) => run.pipeline.replace(/\|\s*(?:sudo\s+)?\w+\s*$/, '| less'),
    caught: [
      'base64 -d payload | sh',
      'eval "$(echo $X | base64 -d)"',
      'xxd -r -p x.hex | bash',
      'gunzip -c x.gz | sh',
      'bash <(base64 -d x)',
    ],
    passed: ['base64 -d payload > out', 'gunzip -c x.sql.gz | psql', 'echo bHMgLWwK | base64 -d | sh'],
  },
  {
    id: 'process/hidden-in-code',
    title: 'Code that runs encoded text',
    severity: 'high',
    programs: interpreterNames,
    finds: (run) => {
      const code = codeOf(run)
      const decodes =
        /b64decode|fromhex|unhexlify|base64_decode|decode_base64|Base64\.(?:urlsafe_)?decode|\batob\(|["'](?:base64|hex)["']\s*\)|hex2bin|rot_?13|zlib\.decompress|gzinflate|\bpack\s*\(?\s*["']H/i
      return (
        decodes.test(code) &&
        /\b(?:exec|eval|system|popen|passthru|shell_exec|execSync|spawn\w*|subprocess|Function)\b/.test(code)
      )
    },
    risk: 'decodes text and runs it, before anyone has read it',
    caught: [
      `python3 -c 'import base64; exec(base64.b64decode("aW1wb3J0IG9z"))'`,
      `python3 -c 'import os; os.system(bytes.fromhex("726d").decode())'`,
      `perl -MMIME::Base64 -e 'eval decode_base64("cHJpbnQgMQ==")'`,
      `php -r 'eval(gzinflate(base64_decode("x")));'`,
      `node -e 'eval(Buffer.from("Y29uc29sZQ==", "base64").toString())'`,
    ],
    passed: [
      `python3 -c 'import base64; print(base64.b64decode("aGk="))'`,
      `node -e 'console.log(Buffer.from(process.argv[1], "base64").toString())' aGk=`,
      `python3 -c 'import os; os.system("ls")'`,
    ],
  },
  {
    id: 'process/unseen-text',
    title: 'Runs text that another command prints',
    severity: 'medium',
    programs: [...shellNames, 'eval'],
    finds: (run) => runsUnknown(run) && !decoder(carried(run)) && !fetcher(carried(run)) && !isSetup(run),
    risk: 'runs text that only exists at run time, so it cannot be reviewed first',
    safer: (run) =>
      run.piped && run.program !== 'eval'
        ? run.pipeline.replace(/\|\s*(?:sudo\s+)?\w+[^|]*$/, '| less')
        : undefined,
    caught: ['eval "$CMD"', './generate | sh', 'sh -c "$X"', 'awk \'{print "mv "$1}\' f | bash'],
    passed: ['eval "$(ssh-agent -s)"', 'bash deploy.sh', 'sh -c "echo hi"', 'bash -c "ls $DIR"'],
  },
  {
    id: 'process/loads-code',
    title: 'Sets a variable that makes programs load other code',
    severity: 'medium',
    programs: ['export', 'declare', 'typeset', 'readonly'],
    finds: (run) =>
      run.args.find((field) => {
        const [, name = '', value = ''] = /^(\w+)=(.*)$/s.exec(field.value) ?? []
        return name !== '' && loadsCode(name, value)
      }),
    risk: (what) => `sets ${what}, which makes programs load code that the command does not name`,
    caught: [
      'LD_PRELOAD=/tmp/x.so ls',
      'export PERL5OPT=-Mevil',
      'sudo LD_PRELOAD=./x.so id',
      'env PYTHONSTARTUP=/tmp/s.py python3',
      'PATH=/tmp:$PATH sudo ls',
      'NODE_OPTIONS="--require /tmp/x.js" node app.js',
    ],
    passed: [
      'export PATH="$HOME/bin:$PATH"',
      'PYTHONPATH=. pytest',
      'NODE_OPTIONS=--max-old-space-size=4096 npm run build',
      'env LANG=C ls',
      'LD_PRELOAD= ls',
    ],
  },
  {
    id: 'process/unknown-program',
    title: 'Runs a program that the text does not name',
    severity: 'medium',
    programs: ['*'],
    finds: (run) =>
      run.program === '' &&
      run.path.includes(HOLE) &&
      !run.via.some((name) => name === 'eval') &&
      !run.origin.some((one) => /^(?:which|command|type|readlink|realpath)$/.test(one.program)),
    risk: 'runs a program whose name is only known when it runs',
    caught: ['$CMD -rf /', '"$(pick-one)" x', 'sudo $TOOL --yes'],
    passed: ['"$JAVA_HOME"/bin/java -jar x', 'ls $DIR', '$(which python3) x.py'],
  },
]

/** The commands whose output it runs. */
function carried(run: Invocation): readonly Invocation[] {
  const fromInput =
    run.program === 'eval' || run.args.some((field) => !field.value.startsWith('-')) ? [] : run.upstream
  return [...fromInput, ...run.args.flatMap((field) => field.sources), ...run.origin]
}

/** It runs a text, and the text is not all known. */
function runsUnknown(run: Invocation): boolean {
  if (run.program === 'eval') return run.args.some((field) => !isKnown(field) && isWhole(field.value))
  const command = run.args.findIndex((field) => /^-\w*[ce]$/.test(field.value))
  const text = run.args[command + 1]
  if (command >= 0) return text !== undefined && !isKnown(text) && isWhole(text.value)
  const file = operands(run)[0]
  if (file) return file.content === undefined && (file.sources.length > 0 || run.origin.length > 0)
  return (run.input === undefined || isWhole(run.input)) && run.upstream.length > 0
}

/** The unknown stretch is the name of a command, not only one of its arguments. */
function isWhole(text: string): boolean {
  return /(?:^|[;&|\n]\s*)\0/.test(text.trim())
}

/** `eval "$(tool init bash)"`: the way in which many tools ask to be set up. */
function isSetup(run: Invocation): boolean {
  const sources = run.args.flatMap((field) => field.sources)
  const tools =
    /^(?:ssh-agent|direnv|pyenv|rbenv|nodenv|goenv|jenv|nvm|fnm|conda|brew|starship|zoxide|mise|rtx|asdf|opam|dircolors|lesspipe|thefuck|keychain|gpg-agent|minikube|docker-machine|pip|register-python-argcomplete|kubectl|helm|gh|atuin|luarocks|resize|stty|vault|aws|getopt|hub|fzf|perl|printf|tset)$/
  return sources.length > 0 && sources.every((one) => tools.test(one.program))
}
