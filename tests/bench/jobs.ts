import { createHash } from 'node:crypto'
import { type Caller, openCaller, type Place } from './callers/caller.js'

/** The work itself, done in the caller's process and written once for all peers. */
export type Jobs = {
  /** Commands one after another: ms of each. */
  sequence: { input: { agent: string; command: string; count: number }; output: { ms: number[] } }
  /** Many commands, so many in flight; `expect` is what each prints. */
  burst: {
    input: { agents: string[]; command: string; expect?: string; count: number; atOnce: number }
    output: { seconds: number }
  }
  /** One command with much output, hashed. */
  bulk: {
    input: { agent: string; command: string; bytes: number; sha256: string }
    output: { seconds: number }
  }
  /** Times to the first byte of `echo a; sleep 1; echo b`, begun one a moment after the other. */
  firstByte: { input: { agent: string; count: number; everyMs: number }; output: { ms: number[] } }
  /** Starts a command that others follow; gives its id. */
  start: { input: { agent: string; command: string }; output: { id: string } }
  /** Opens followers of a command, each with a connection of its own; done when all have joined. */
  follow: { input: { place: Place; id: string; count: number }; output: { joined: number } }
  /** Done when all followers have seen so many bytes and the end. */
  followed: { input: { bytes: number }; output: { followers: number } }
}

export type JobName = keyof Jobs
type Handlers = { [K in JobName]: (input: Jobs[K]['input']) => Promise<Jobs[K]['output']> }

/** The jobs of one caller. A job rejects when a command does not do what it must. */
export function handlersOf(caller: Caller): Handlers {
  const audience: { caller: Caller; ended: Promise<number> }[] = []
  return {
    sequence: async ({ agent, command, count }) => {
      for (let warm = 0; warm < 3; warm++) await expectOk(caller, agent, command)
      const ms: number[] = []
      while (ms.length < count) {
        const began = performance.now()
        await expectOk(caller, agent, command)
        ms.push(performance.now() - began)
      }
      return { ms }
    },

    burst: async ({ agents, command, expect, count, atOnce }) => {
      let next = 0
      const worker = async () => {
        while (next < count) {
          const agent = agents[next % agents.length] ?? ''
          next += 1
          await expectOk(caller, agent, command, expect)
        }
      }
      const began = performance.now()
      await Promise.all(Array.from({ length: atOnce }, worker))
      return { seconds: secondsSince(began) }
    },

    bulk: async ({ agent, command, bytes, sha256 }) => {
      const hash = createHash('sha256')
      let received = 0
      const began = performance.now()
      const code = await caller.run(
        agent,
        command,
        (data) => {
          hash.update(data)
          received += data.length
        },
        true,
      )
      const seconds = secondsSince(began)
      if (code !== 0) throw new Error(`the exit code was ${code}`)
      if (received !== bytes) throw new Error(`${received} of ${bytes} bytes arrived`)
      if (hash.digest('hex') !== sha256) throw new Error('the hash of the output is another')
      return { seconds }
    },

    firstByte: async ({ agent, count, everyMs }) => {
      const one = async (index: number) => {
        await new Promise((resolve) => setTimeout(resolve, index * everyMs))
        const began = performance.now()
        const arrivals: number[] = []
        const note = () => arrivals.push(performance.now() - began)
        const code = await caller.run(agent, 'echo a; sleep 1; echo b', note, true)
        const [first = Number.NaN, second = 0] = arrivals
        if (code !== 0 || second - first < 500) throw new Error('the first line did not come by itself')
        return first
      }
      return { ms: await Promise.all(Array.from({ length: count }, (_, index) => one(index))) }
    },

    start: async ({ agent, command }) => {
      if (!caller.start) throw new Error('this peer has no commands that others may follow')
      return { id: await caller.start(agent, command) }
    },

    follow: async ({ place, id, count }) => {
      for (let index = 0; index < count; index++) {
        const follower = await openCaller(place)
        let received = 0
        const handle = follower.follow?.(id, (data) => {
          received += data.length
        })
        if (!handle) throw new Error('this peer has no commands that others may follow')
        audience.push({ caller: follower, ended: handle.ended.then(() => received) })
        await handle.joined
      }
      return { joined: audience.length }
    },

    followed: async ({ bytes }) => {
      const followers = audience.splice(0)
      const received = await Promise.all(followers.map(({ ended }) => ended))
      for (const follower of followers) await follower.caller.close()
      const short = received.filter((count) => count !== bytes).length
      if (short > 0) throw new Error(`${short} of ${received.length} followers did not get every byte`)
      return { followers: received.length }
    },
  }
}

async function expectOk(caller: Caller, agent: string, command: string, expect = ''): Promise<void> {
  let text = ''
  const code = await caller.run(
    agent,
    command,
    (data) => {
      text += Buffer.from(data).toString()
    },
    false,
  )
  if (code !== 0) throw new Error(`the exit code of ${command} was ${code}`)
  if (expect !== '' && text !== expect) throw new Error(`${command} printed ${JSON.stringify(text)}`)
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000
}
