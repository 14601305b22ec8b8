import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Two ends of one connection: ours, and the one that a child is given by its number. */
export type SocketPair = { ours: Socket; fd: number; release(): void }

/** What Node keeps below a socket, and does not type: the number of its file, and whether it blocks. */
type Handle = { fd: number; setBlocking(on: boolean): void }

/**
 * Makes connected sockets within this process, as socketpair(2) would if Node offered it: the same as what spawn
 * makes for a pipe, but able to be handed to a child that another thread starts.
 */
export class SocketPairs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ogent-pairs-'))
  readonly #server: Server
  readonly #listening: Promise<unknown>
  #turn: Promise<unknown> = Promise.resolve()

  constructor() {
    // Not read on our side: whatever comes in belongs to the child.
    this.#server = createServer({ pauseOnConnect: true })
    this.#listening = once(this.#server, 'listening')
    // Waited for by the first pair; when nobody asks for one there is nobody to tell.
    this.#listening.catch(() => {})
    this.#server.listen(join(this.#folder, 'socket')).unref()
  }

  /** One at a time, so that the two ends that come together belong together. */
  make(): Promise<SocketPair> {
    const pair = this.#turn.then(() => this.#connect())
    this.#turn = pair.catch(() => {})
    return pair
  }

  close(): void {
    this.#server.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #connect(): Promise<SocketPair> {
    await this.#listening
    const accepted = once(this.#server, 'connection')
    const ours = connect(join(this.#folder, 'socket'))
    await once(ours, 'connect')
    const [theirs]: Socket[] = await accepted
    const handle = (theirs as unknown as { _handle: Handle | null } | undefined)?._handle
    if (!theirs || !handle) throw new Error('A socket pair has two ends.')
    // A child expects files that block; both ends of ours are made not to.
    handle.setBlocking(true)
    return { ours, fd: handle.fd, release: () => theirs.destroy() }
  }
}
