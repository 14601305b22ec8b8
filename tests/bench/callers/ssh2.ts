import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'
import { type Caller, numberOf } from './caller.js'

/** A caller through the ssh2 library, over connections that are kept open. */
export async function ssh2Caller(place: {
  port: number
  username: string
  keyPath: string
  connections: number
}): Promise<Caller> {
  const { port, username, keyPath } = place
  const privateKey = readFileSync(keyPath)
  const connect = () =>
    new Promise<ssh2.Client>((resolve, reject) => {
      const client = new ssh2.Client()
      client.once('ready', () => {
        // Else each command waits for a delayed acknowledgement, some 40 ms.
        client.setNoDelay(true)
        resolve(client)
      })
      client.once('error', reject)
      client.connect({ host: '127.0.0.1', port, username, privateKey })
    })
  const clients: ssh2.Client[] = []
  while (clients.length < place.connections) clients.push(await connect())
  return {
    run: (agent, command, sink) =>
      new Promise((resolve, reject) => {
        clients[numberOf(agent) % clients.length]?.exec(command, (error, channel) => {
          if (error) return reject(error)
          channel.on('data', sink)
          channel.stderr.resume()
          channel.once('close', (code: number | null) => resolve(code))
        })
      }),
    close: async () => {
      for (const client of clients) client.end()
    },
  }
}
