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
    const { username, role } = await ogent.me()
    // After the call: a password command may have logged in for it.
    const means = meansOf(place, flags)
    const expires_at = endOf(means)
    const url = withoutPasswords(place.url)
    if (flags.json) {
      const context = place.context?.name ?? null
      await writeJson({ username, role, url, context, by: means.by, expires_at: expires_at ?? null })
      return 0
    }
    const rows = [
      ['user:', username],
      ['role:', role],
      ['controller:', `${url} (${place.by}${place.context ? `: ${place.context.name}` : ''})`],
      ['login:', `${means.by}${expires_at === undefined ? '' : `, until ${expires_at}`}`],
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
