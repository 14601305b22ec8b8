import { createOgentClient } from 'ogent/client'
import type { Caller } from './caller.js'

/** A caller through the SDK. */
export async function ogentCaller(place: {
  url: string
  username: string
  password: string
}): Promise<Caller> {
  const ogent = createOgentClient(place)
  await ogent.me()
  return {
    async run(agent_id, command, sink, live) {
      const run = ogent.execute({ agent_id, command })
      if (!live) {
        const { stdout, exit_code } = await run
        if (stdout !== '') sink(Buffer.from(stdout))
        return exit_code
      }
      for await (const { stream, data } of run.output) if (stream === 'stdout') sink(data)
      return (await run).exit_code
    },
    async start(agent_id, command) {
      return (await ogent.commands.start({ agent_id, command })).command_id
    },
    follow(id, sink) {
      let joined = () => {}
      const run = ogent.commands.attach(id)
      const read = async () => {
        for await (const { stream, data } of run.output) {
          // The command says so on stderr before it waits for the go.
          if (stream === 'stderr') joined()
          else sink(data)
        }
      }
      return {
        joined: new Promise<void>((resolve) => {
          joined = resolve
        }),
        ended: read(),
      }
    },
    close: () => ogent.close(),
  }
}
