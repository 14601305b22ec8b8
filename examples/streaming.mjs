// One command, live: its output while it is written, both streams apart, and what happens to it.
// Run it with: node examples/streaming.mjs [agent] [command]
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [agent_id = 'local', command = 'for i in 1 2 3; do echo "line $i"; sleep 0.3; done; echo done >&2'] =
  process.argv.slice(2)

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
try {
  const run = ogent.execute({ agent_id, command })
  for await (const event of run) {
    if (event.type === 'command_progress' && event.state === 'started') {
      console.error(`started as process ${event.pid}`)
    }
    if (event.type === 'command_progress' && event.state === 'output') process[event.stream].write(event.data)
  }
  // A handle can be awaited as well, at any time.
  const { status, exit_code, stdout_bytes, stderr_bytes } = await run
  console.error(`${status}, exit code ${exit_code}, ${stdout_bytes} and ${stderr_bytes} bytes`)
} finally {
  await ogent.close()
}
