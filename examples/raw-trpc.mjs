// A subscription without the SDK: a stock tRPC client over WebSocket. In TypeScript, give `createTRPCClient` the type
// `AppRouter` of ogent/client. Run it with: node examples/raw-trpc.mjs [agent] [command]
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import superjson from 'superjson'
import { WebSocket } from 'ws'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [agent_id = 'local', command = 'echo to stdout; echo to stderr >&2'] = process.argv.slice(2)

// Node.js has a WebSocket of its own from 22 on.
Object.assign(globalThis, { WebSocket })

const socket = createWSClient({
  url: `${OGENT_URL.replace(/^http/, 'ws')}/trpc`,
  // Asked for at each connection, so that a fresh one has a fresh token.
  connectionParams: async () => ({ token: await login() }),
})
const trpc = createTRPCClient({ links: [wsLink({ client: socket, transformer: superjson })] })

// An id of one's own: after a lost socket the subscription is sent again, and follows instead of starting anew.
const command_id = `example-${crypto.randomUUID()}`
trpc.execute.subscribe(
  { agent_id, command, command_id },
  {
    onData: ({ data: event }) => console.log(JSON.stringify(event)),
    onError: (error) => {
      console.error(error.message)
      process.exitCode = 1
      void socket.close()
    },
    onComplete: () => void socket.close(),
  },
)

async function login() {
  const body = new URLSearchParams({ username: OGENT_USERNAME, password: OGENT_PASSWORD })
  const reply = await fetch(`${OGENT_URL}/token`, { method: 'POST', body })
  if (!reply.ok) throw new Error(`The controller answered the login with ${reply.status}.`)
  return (await reply.json()).access_token
}
