// The same command on every agent that is connected, a few at a time, each line behind its agent's name.
// Run it with: node examples/many-agents.mjs [command] [how many at a time]
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [command = 'for i in 1 2 3; do echo "line $i"; sleep 0.3; done', limit = '4'] = process.argv.slice(2)

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
try {
  const agents = await ogent.agents.list()
  const waiting = agents.filter(({ status }) => status === 'connected').map(({ agent_id }) => agent_id)
  // So many workers, each taking the next agent when it has done with one.
  await Promise.all(
    Array.from({ length: Number(limit) }, async () => {
      for (let agent_id = waiting.shift(); agent_id !== undefined; agent_id = waiting.shift()) {
        await watch(agent_id)
      }
    }),
  )
} finally {
  await ogent.close()
}

async function watch(agent_id) {
  try {
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
  } catch (error) {
    // One that went away in the meantime must not stop the others.
    console.log(`${agent_id} : ${error.code}, ${error.message}`)
    process.exitCode = 1
  }
}
