import { createHash } from 'node:crypto'
import { login } from '../../../dist/client/transport/login.js'
import { Session } from '../../../dist/client/transport/session.js'
import type { LinkEvent, Report } from '../../../dist/shared/link/protocol.js'
import { agentHello } from './agent-hello.js'
import type { BenchAgents } from './fleet-agent.js'
import { given, ready } from './role.js'

/** The load generator: many agents that are a link and nothing behind it, so that the controller is measured. */
const { url, username, password, agents } = given<BenchAgents>()
const token = await login({ url, username, password })
const NOTHING = createHash('sha256').digest('hex')

async function attach(agent_id: string): Promise<void> {
  const session = await Session.open({ url, token })
  // Whoever loses a link here has found a defect, or the run is over.
  void session.closed.then((why) => process.stderr.write(`${agent_id}: ${why.message}\n`))
  let sid = ''
  await new Promise<void>((resolve, reject) => {
    session.call(
      { type: 'subscription', path: 'agentLink', input: agentHello(agent_id) },
      {
        data: (data) => {
          // Every event of this subscription is tracked: `{id, data}`.
          const { data: event } = data as { data: LinkEvent }
          if (event.type === 'registered') {
            sid = event.sid
            resolve()
          } else if (event.type === 'execute_command_event') {
            report(session, sid, reportsOf(agent_id, event.command_id))
          }
        },
        error: (error) => reject(new Error(JSON.stringify(error))),
        complete: () => reject(new Error('The controller closed the link.')),
      },
    )
  })
}

function report(session: Session, sid: string, reports: Report[]): void {
  const ignore = () => {}
  session.call(
    { type: 'mutation', path: 'agentReport', input: { sid, reports } },
    { data: ignore, error: (error) => process.stderr.write(`${JSON.stringify(error)}\n`), complete: ignore },
  )
}

function reportsOf(agent_id: string, command_id: string): Report[] {
  const common = { command_id, timestamp: new Date().toISOString(), execution_type: 'local' as const }
  const exit = { exit_code: 0, signal: null, reason: null, duration_ms: 0, status: 'success' as const }
  const output = { stdout_bytes: 0, stderr_bytes: 0, stdout_sha256: NOTHING, stderr_sha256: NOTHING }
  return [
    { ...common, kind: 'started', n: 1, target: agent_id },
    { ...common, kind: 'result', n: 2, target: agent_id, ...exit, ...output },
  ]
}

for (let at = 0; at < agents.length; at += 50) await Promise.all(agents.slice(at, at + 50).map(attach))
ready()
