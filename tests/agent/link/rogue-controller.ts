import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { createAgent } from '../../../src/agent/app.js'
import { answerFrame, startedFrame } from '../../../src/server/transport/websocket/frame-encoder.js'
import type {
  Hello,
  InputAnswer,
  Report,
  ReportBatch,
  UnsupportedOrder,
} from '../../../src/shared/link/protocol.js'
import { frameEncoder } from '../../../src/shared/wire/frame-codec.js'

/** What an agent's session sends, in tRPC's protocol. */
type Message = { id: number; params?: { path: string; input: { json: unknown } } }

/** What an agent hears of a controller that is not one of ours: any answers to its hello, and any receipts. */
export class RogueController {
  readonly hellos: Hello[] = []
  readonly reports: Report[] = []
  readonly unsupported: UnsupportedOrder[] = []
  /** The answers to input, by message. */
  readonly inputs: InputAnswer[][] = []
  /** Called with each hello, and what sends events on its link, those of one call in one message. */
  onHello: (hello: Hello, send: (...events: object[]) => void) => void = () => {}
  /** The answer to a batch of reports. */
  answer: (reports: Report[]) => unknown = (reports) => ({
    receipts: reports.map(({ command_id, n }) => ({ command_id, stored: n })),
  })
  readonly #server = createServer((_request, reply) => {
    const token = { access_token: 'any', token_type: 'bearer', expires_in: 60 }
    reply.setHeader('content-type', 'application/json').end(JSON.stringify(token))
  })
  readonly #sockets = new WebSocketServer({ server: this.#server })
  #onChange: (() => void)[] = []

  static async start(): Promise<RogueController> {
    const rogue = new RogueController()
    rogue.#sockets.on('connection', (socket) => rogue.#serve(socket))
    rogue.#server.listen(0, '127.0.0.1')
    await once(rogue.#server, 'listening')
    return rogue
  }

  get url(): string {
    // It listens on a port.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Resolves when this holds; looked at after each message of an agent. */
  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#onChange.push(resolve))
  }

  /** Ends every connection, as a controller does that is killed. */
  hangUp(): void {
    for (const socket of this.#sockets.clients) socket.terminate()
  }

  #serve(socket: WebSocket): void {
    socket.on('error', () => {})
    socket.on('message', (data: Buffer, isBinary) => {
      const decoded = frameEncoder.decode(isBinary ? data : data.toString())
      for (const message of [decoded].flat()) this.#take(socket, message as Message)
      for (const resolve of this.#onChange.splice(0)) resolve()
    })
  }

  // A message of tRPC's protocol.
  #take(
    socket: WebSocket,
    { id, params }: { id: number; params?: { path: string; input: { json: unknown } } },
  ) {
    if (params?.path === 'agentLink') {
      const hello = params.input.json as Hello
      this.hellos.push(hello)
      socket.send(startedFrame(id))
      this.onHello(hello, (...events) => {
        const messages = events.map((data) => {
          const tracked = { json: { id: 'x:1', data } }
          return { id, result: { type: 'data', id: 'x:1', data: tracked } }
        })
        socket.send(frameEncoder.encode(messages.length === 1 ? messages[0] : messages))
      })
    } else if (params?.path === 'agentReport') {
      const { reports, unsupported = [], inputs } = params.input.json as ReportBatch
      this.reports.push(...reports)
      this.unsupported.push(...unsupported)
      if (inputs) this.inputs.push(inputs)
      socket.send(answerFrame(id, this.answer(reports)))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp()
    this.#sockets.close()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export const registered = (agent_id: unknown) => ({
  type: 'registered',
  agent_id,
  sid: 'sid',
  server_time: Date.now(),
  grace_ms: 1000,
  receipts: [],
})

export const order = (command_id: string, command: string) => ({
  type: 'execute_command_event',
  command_id,
  command,
  requester_sid: 'eve',
  execution_target: 'local',
  timeout_seconds: 60,
  max_output_bytes: 1000,
  expires_at: Date.now() + 600_000,
})

export function startAgent(url: string, folder: string, more: object = {}) {
  const warned: string[] = []
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object, said: string) => void warned.push(`${said} ${JSON.stringify(fields)}`),
  }
  const settings = {
    CONTROLLER_URL: url,
    AGENT_USERNAME: 'a',
    AGENT_PASSWORD: 'b',
    AGENT_STATE_DIR: folder,
    RECONNECT_DELAY: 0.02,
    ...more,
  }
  return { warned, agent: createAgent({ settings, log }) }
}
