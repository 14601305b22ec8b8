// One command, waited for. Run it with: node examples/one-command.mjs [agent] [command]
import { createOgentClient } from 'ogent/client'

const { OGENT_URL = 'http://localhost:8001', OGENT_USERNAME = 'admin', OGENT_PASSWORD = '' } = process.env
const [agent_id = 'local', command = 'uname -a'] = process.argv.slice(2)

const ogent = createOgentClient({ url: OGENT_URL, username: OGENT_USERNAME, password: OGENT_PASSWORD })
try {
  const outcome = await ogent.execute({ agent_id, command })
  process.stdout.write(outcome.stdout)
  process.stderr.write(outcome.stderr)
  console.log(`${outcome.status}, exit code ${outcome.exit_code}, ${Math.round(outcome.duration_ms)} ms`)
} finally {
  await ogent.close()
}
