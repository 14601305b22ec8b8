// The same command on every agent that is connected, live and all at once, each line behind its agent's name.
// Run it with: node examples/streaming.mjs [command]
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [command = 'for i in 1 2 3; do echo "line $i"; sleep 0.3; done'] = process.argv.slice(2)

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
try {
  const agents = await ogent.agents.list()
  const connected = agents.filter(({ status }) => status === 'connected')
  await Promise.all(connected.map(({ agent_id }) => watch(agent_id)))
} finally {
  await ogent.close()
}

async function watch(agent_id) {
  const run = ogent.execute({ agent_id, command })
  let rest = ''
  for await (const chunk of run.stdout) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) console.log(`${agent_id} | ${line}`)
  }
  if (rest !== '') console.log(`${agent_id} | ${rest}`)
  const { status, exit_code } = await run
  console.log(`${agent_id} : ${status}, exit code ${exit_code}`)
}
