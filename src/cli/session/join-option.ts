import { type Command, Option } from 'commander'
import { UsageError } from '../errors/report.js'

type JoinFlags = { join?: string; joinFile?: string }

/** Characters of a standard input that are read for a token, which has about 200. */
const MAX_INPUT = 4096

/** The options by which an agent is given a join token. */
export function joinOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--join <token>',
        'join by this token at the first start; - reads it from the standard input, since every user of a machine can read a command line',
      ).conflicts('joinFile'),
    )
    .option('--join-file <file>', 'the same, from a file with the token alone')
}

/** What these options mean among the settings of an agent. */
export async function joinSettings(flags: JoinFlags): Promise<Record<string, string>> {
  const { join, joinFile } = flags
  if (joinFile !== undefined) return { AGENT_JOIN_TOKEN_FILE: joinFile }
  if (join === undefined) return {}
  // An option counts before the environment, also where that names a file.
  return { AGENT_JOIN_TOKEN: join === '-' ? await readToken() : join, AGENT_JOIN_TOKEN_FILE: '' }
}

async function readToken(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > MAX_INPUT) throw new UsageError('--join -: the standard input is no join token')
  }
  if (text.trim() === '') throw new UsageError('--join -: there is no token in the standard input')
  return text.trim()
}
