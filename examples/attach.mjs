// Start a command here, watch it from another process, now or tomorrow, as often as you like.
//   node examples/attach.mjs start local 'echo one; sleep 20; echo two'     prints the command's id, and ends
//   node examples/attach.mjs watch ID                                       shows all of it, from the first byte
//   node examples/attach.mjs watch ID 5                                     shows it from event 5 on
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [what, first = 'local', second] = process.argv.slice(2)

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
try {
  if (what === 'start') {
    // It goes on by itself: whether this process lives is nothing to it.
    const { command_id } = await ogent.commands.start({
      agent_id: first,
      command: second ?? 'echo one; echo two',
    })
    console.log(command_id)
  } else if (what === 'watch') {
    const run = ogent.commands.attach(first, { from_seq: Number(second ?? 1) })
    for await (const { stream, data } of run.output) process[stream].write(data)
    const { status, exit_code } = await run
    console.error(`${status}, exit code ${exit_code}, ${run.last_seq} events`)
  } else {
    console.error('start AGENT COMMAND, or watch ID [EVENT]')
    process.exitCode = 64
  }
} finally {
  await ogent.close()
}
