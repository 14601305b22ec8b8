import ssh2, { type ConnectConfig } from 'ssh2'

/** What the two sides of a handshake have to agree on, by ssh2's names for it. */
const NAMES: Record<string, string> = {
  'host key format': 'host key algorithm',
  'key exchange algorithm': 'key exchange method',
  'C->S cipher': 'cipher',
  'S->C cipher': 'cipher',
  'C->S MAC': 'MAC',
  'S->C MAC': 'MAC',
}

/** How ssh2's log calls them where that is another name. */
const LOGGED: Record<string, string> = {
  'host key format': 'Host key format',
  'key exchange algorithm': 'KEX method',
}

/** Of an error of the handshake, what the two sides have none of in common. */
export function withoutMatch(error: Error): string | undefined {
  const what = /no matching (.+)$/.exec(error.message)?.[1]
  return what !== undefined && what in NAMES ? what : undefined
}

/**
 * Says that there is no `what` in common, and what the server offers. ssh2 has the offer in its debug log alone, which
 * would cost each packet of a kept connection: so the server is asked once more.
 */
export async function noMatchSentence(what: string, address: string, config: ConnectConfig): Promise<string> {
  const offer = await offerOf(LOGGED[what] ?? what, config)
  const weak = what === 'host key format' && offer?.includes('ssh-rsa')
  return (
    `${address} offers no ${NAMES[what]} that is taken here` +
    `${offer === undefined ? '' : `, only ${offer.join(', ')}`}` +
    `${weak ? ' (ssh-rsa signs with SHA-1, which is no longer safe: the server needs a newer key or version)' : ''}.`
  )
}

function offerOf(what: string, config: ConnectConfig): Promise<string[] | undefined> {
  return new Promise((resolve) => {
    const client = new ssh2.Client()
    const label = `Handshake: (remote) ${what}: `
    let offer: string[] | undefined
    const done = () => {
      client.destroy()
      resolve(offer)
    }
    client.on('error', done)
    client.once('close', done)
    client.connect({
      ...config,
      debug: (line) => {
        if (line.startsWith(label)) offer = line.slice(label.length).split(',')
      },
    })
  })
}
