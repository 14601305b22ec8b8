import { withoutPasswords, write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { type ConnectionFlags, connect, type Means, meansOf } from '../session/connect.js'
import { placeOf } from '../session/place.js'
import { decodeJwtEnd } from '../session/token-end.js'

/** `ogent whoami`: which controller is asked, as whom, and until when. */
export async function whoamiCommand(flags: ConnectionFlags & { json?: boolean }): Promise<number> {
  const place = placeOf(flags)
  const ogent = await connect(flags)
  try {
    const { username, role, roles, via, expires_at: ends } = await ogent.me()
    // After the call: a password command may have logged in for it.
    const means = meansOf(place, flags)
    // Where a password is at hand, each call logs in by it. A controller of before says less.
    const isKept = means.by === 'OGENT_TOKEN' || means.by === 'ogent login'
    const expires_at = isKept ? (ends ?? endOf(means)) : undefined
    const url = withoutPasswords(place.url)
    if (flags.json) {
      const context = place.context?.name ?? null
      await writeJson({
        username,
        role,
        roles,
        via,
        url,
        context,
        by: means.by,
        expires_at: expires_at ?? null,
      })
      return 0
    }
    const rows = [
      ['user:', username],
      roles === undefined || roles.length < 2 ? ['role:', role] : ['roles:', roles.join(', ')],
      ['controller:', `${url} (${place.by}${place.context ? `: ${place.context.name}` : ''})`],
      [
        'login:',
        `${means.by}${via === 'api_token' ? ' (an API token)' : ''}${expires_at === undefined ? '' : `, until ${expires_at}`}`,
      ],
    ]
    await write(process.stdout, table(rows))
    return 0
  } finally {
    await ogent.close()
  }
}

function endOf(means: Means): string | undefined {
  switch (means.by) {
    case 'OGENT_TOKEN':
      return decodeJwtEnd(means.token)
    case 'ogent login':
      return means.login.expires_at
    default:
      return undefined
  }
}
