import type { OgentClient } from '../../client/client.js'
import type { ApiToken } from '../../shared/access/tokens.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { grantsOf } from '../session/grant-text.js'

export type TokensFlags = ConnectionFlags & {
  grant?: string[]
  /** In seconds. */
  expires?: number
  owner?: string
  json?: boolean
}

export type TokensAction = 'list' | 'create' | 'revoke'

/** `ogent tokens`: API tokens, by which programs do without a login. */
export async function tokensCommand(
  action: TokensAction,
  name: string | undefined,
  flags: TokensFlags,
): Promise<number> {
  if (name === undefined && action === 'create')
    throw new UsageError('what is it for? Name it, as in: ogent tokens create ci')
  if (name === undefined && action === 'revoke')
    throw new UsageError('which one? See its id: ogent tokens list')
  const grants = flags.grant?.flatMap(grantsOf)
  const ogent = await connect(flags)
  try {
    if (action === 'list') return await list(ogent, flags)
    if (action === 'revoke') {
      await ogent.tokens.revoke(name ?? '')
      if (flags.json) await writeJson({ token_id: name, revoked: true })
      else process.stdout.write(`${printable(name ?? '')} is revoked.\n`)
      return 0
    }
    const made = await ogent.tokens.create({
      name: name ?? '',
      ...(grants ? { grants } : {}),
      ...(flags.expires === undefined ? {} : { expires_in_seconds: flags.expires }),
      ...(flags.owner === undefined ? {} : { owner: flags.owner }),
    })
    if (flags.json) await writeJson(made)
    else {
      // The token alone on stdout, for `$(…)`.
      process.stderr.write(
        `ogent: the token ${printable(made.name)} of ${printable(made.owner_name)} ends at ${made.expires_at}, and is shown only this once:\n`,
      )
      process.stdout.write(`${made.token}\n`)
    }
    return 0
  } finally {
    await ogent.close()
  }
}

async function list(ogent: OgentClient, { owner, json }: TokensFlags): Promise<number> {
  const { tokens } = await ogent.tokens.list(owner === undefined ? {} : { owner })
  if (json) {
    for (const token of tokens) await writeJson(token)
    return 0
  }
  await write(process.stdout, table([columns, ...tokens.map(rowOf)]))
  return 0
}

const columns = ['TOKEN ID', 'NAME', 'OWNER', 'MAY', 'ENDS', 'LAST USED', 'FROM']

function rowOf({ token_id, name, owner_name, grants, ...token }: ApiToken): string[] {
  const may = grants === null ? 'all of its owner' : `${grants.length} grant${grants.length === 1 ? '' : 's'}`
  return [
    token_id,
    name,
    owner_name,
    may,
    timeOf(token.expires_at),
    timeOf(token.last_used_at),
    token.last_used_from ?? '',
  ]
}

function timeOf(time: string | null): string {
  return time === null ? '' : shownTime(time.replace(/\.\d+Z$/, 'Z'))
}
