import type { Command } from 'commander'
import type { OgentClient } from '../../client/client.js'
import { contexts } from '../../client/saved/contexts.js'
import { withTimeout } from '../../shared/async/timeout.js'
import { printable, withoutPasswords } from '../output/output.js'
import { cut } from '../output/table.js'
import { connect } from '../session/connect.js'

/** A word that fits at a place of the line, and a short description of it. */
type Candidate = { word: string; about?: string }

/** A shell must not hang on a controller that does not answer. */
const ANSWER_MS = 1500
const MOST_COMMANDS = 30
/** As much of a command as tells it from others. */
const ABOUT_COLUMNS = 60

/**
 * What could come next on a command line: `words` are all after `ogent`, the last one being typed. One candidate a line,
 * with a tab before what it means. Agents and commands are asked for live, where there is a login.
 */
export async function complete(program: Command, words: string[]): Promise<string> {
  const candidates = words.slice(0, -1).includes('--') ? [] : await candidatesFor(program, words)
  const typed = words.at(-1) ?? ''
  return candidates
    .filter(({ word }) => word.startsWith(typed))
    .map(({ word, about = '' }) => `${printable(word)}\t${printable(about)}\n`)
    .join('')
}

async function candidatesFor(program: Command, line: string[]): Promise<Candidate[]> {
  const { before, words } = afterOptions(program, line)
  const [name = '', ...after] = words
  if (words.length === 0) return []
  if (after.length === 0) return name.startsWith('-') ? optionsOf(program) : subcommands(program)
  // What comes before the subcommand says which controller is asked.
  const rest = [...before, ...after]
  const above = program.commands.find((one) => one.name() === name)
  if (!above) return name === 'help' ? subcommands(program) : []
  const below = above.commands.find((one) => one.name() === after[0] && after.length > 1)
  const command = below ?? above
  const typed = rest.at(-1) ?? ''
  const optionOf = (word: string) => command.options.find(({ long, short }) => [long, short].includes(word))
  const glued = /^(--[a-z-]+)=/.exec(typed)
  if (glued) {
    const [start, flag = ''] = glued
    const option = optionOf(flag)
    const values = option?.required ? await valuesOf(flag, option.argChoices, rest) : []
    return values.map((value) => ({ ...value, word: start + value.word }))
  }
  const option = optionOf(rest.at(-2) ?? '')
  if (option?.required) return valuesOf(option.long ?? '', option.argChoices, rest)
  if (typed.startsWith('-')) return optionsOf(command)
  if (below) return argumentsOf(`${name} ${below.name()}`, rest)
  return [...subcommands(above), ...(await argumentsOf(name, rest))]
}

/** The words from the subcommand on; none where the value of an option before it is typed. */
function afterOptions(program: Command, line: string[]): { before: string[]; words: string[] } {
  let at = 0
  while (line[at]?.startsWith('-') && at < line.length - 1) {
    const option = program.options.find(({ long, short }) => [long, short].includes(line[at]))
    at += option?.required ? 2 : 1
  }
  return { before: line.slice(0, at), words: line.slice(at) }
}

function optionsOf(command: Command): Candidate[] {
  return command.options.flatMap(({ long, description }) =>
    long ? [{ word: long, about: description }] : [],
  )
}

function subcommands(program: Command): Candidate[] {
  return program.commands
    .filter((command) => !command.name().startsWith('_'))
    .map((command) => ({ word: command.name(), about: command.description() }))
}

async function valuesOf(
  option: string,
  choices: readonly string[] | undefined,
  rest: string[],
): Promise<Candidate[]> {
  if (choices) return choices.map((word) => ({ word }))
  if (option === '--agent') return agents(rest)
  if (option === '--controller') return contextNames()
  if (option !== '--label') return []
  return ask(rest, async (ogent) => {
    const pairs = (await ogent.agents.list()).flatMap(({ labels }) =>
      Object.entries(labels).map(([name, value]) => `${name}=${value}`),
    )
    return [...new Set(pairs)].sort().map((word) => ({ word }))
  })
}

async function argumentsOf(name: string, rest: string[]): Promise<Candidate[]> {
  switch (name) {
    case 'run':
      return behindCommas(rest.at(-1) ?? '', await agents(rest))
    case 'show':
      return commands(rest, false)
    case 'follow':
    case 'cancel':
      return commands(rest, true)
    case 'agents forget':
    case 'agents revoke':
    case 'agents label':
    case 'agents accept-machine':
    case 'agents rotate-key':
      return agents(rest)
    case 'context use':
    case 'context remove':
      return contextNames()
    case 'completion':
      return ['bash', 'zsh', 'fish'].map((word) => ({ word }))
    case 'users':
      return rest.length === 1 ? ['add', 'remove', 'list'].map((word) => ({ word })) : []
    default:
      return []
  }
}

/** `web-1,we` goes on with `web-1,web-2`. */
function behindCommas(typed: string, candidates: Candidate[]): Candidate[] {
  const before = typed.slice(0, typed.lastIndexOf(',') + 1)
  const taken = before.split(',')
  return candidates
    .filter(({ word }) => !taken.includes(word))
    .map((candidate) => ({ ...candidate, word: before + candidate.word }))
}

function agents(rest: string[]): Promise<Candidate[]> {
  return ask(rest, async (ogent) =>
    (await ogent.agents.list()).map(({ agent_id, status, hostname }) => ({
      word: agent_id,
      about: `${status}, ${hostname}`,
    })),
  )
}

/** A file that cannot be read has no names to offer. */
function contextNames(): Candidate[] {
  try {
    return contexts().map(({ name, url }) => ({ word: name, about: withoutPasswords(url) }))
  } catch {
    return []
  }
}

function commands(rest: string[], openOnly: boolean): Promise<Candidate[]> {
  return ask(rest, async (ogent) => {
    const page = await ogent.commands.list({ limit: MOST_COMMANDS })
    const shown = openOnly
      ? page.commands.filter(({ status }) => status === 'pending' || status === 'running')
      : page.commands
    return shown.map(({ command_id, status, command }) => ({
      word: command_id,
      about: `${status}: ${cut(command, ABOUT_COLUMNS)}`,
    }))
  })
}

/** No login, no controller, no right to look: there is just nothing to offer. */
async function ask(rest: string[], look: (ogent: OgentClient) => Promise<Candidate[]>): Promise<Candidate[]> {
  const given = (option: string) => {
    const name = option.slice(2)
    const glued = rest.find((word) => word.startsWith(`${option}=`))
    if (glued) return { [name]: glued.slice(option.length + 1) }
    const at = rest.indexOf(option)
    return at < 0 ? {} : { [name]: rest[at + 1] }
  }
  try {
    const flags = { ...given('--url'), ...given('--controller'), ...given('--username') }
    const ogent = await connect(flags, { connectTimeoutMs: ANSWER_MS / 2, mayAsk: false })
    try {
      return await withTimeout(look(ogent), ANSWER_MS, () => [])
    } finally {
      await ogent.close()
    }
  } catch {
    return []
  }
}

const scripts: Record<string, string> = {
  bash: `# ogent: completion for bash. Load it with: eval "$(ogent completion bash)"
_ogent() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word current cut
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current="\${words[\${#words[@]}-1]}"
  # bash takes a word apart at these, and wants only what comes after the last of them.
  cut="\${current%"\${current##*[:=]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    COMPREPLY+=("\${word#"$cut"}")
  done < <(ogent __complete -- "\${words[@]:1}" 2> /dev/null < /dev/null)
}
complete -o default -F _ogent ogent
`,
  zsh: `#compdef ogent
# ogent: completion for zsh. Load it with: eval "$(ogent completion zsh)"
_ogent() {
  local -a found
  local line
  for line in "\${(@f)$(ogent __complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null < /dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe ogent found; else _files; fi
}
(( $+functions[compdef] )) && compdef _ogent ogent
`,
  fish: `# ogent: completion for fish. Load it with: ogent completion fish | source
complete -c ogent -n 'not contains -- -- (commandline -opc)' -f -a '(ogent __complete -- (commandline -opc)[2..] (commandline -ct) 2> /dev/null < /dev/null)'
`,
}

/** The script that teaches a shell to ask us. */
export function completionScript(shell: string): string {
  return scripts[shell] ?? ''
}
