import { createAgent } from '../../src/agent/app.js'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import type { AccessPolicyInput } from '../../src/shared/access/policy.js'
import { temporaryFolder } from './folder.js'
import { accounts, silent } from './system.js'

/** An agent at a controller, registered, with a state folder of its own. */
export async function agentAt(url: string, agent_id: string): Promise<AsyncDisposable> {
  const folder = temporaryFolder()
  const { username, password } = accounts.agent
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: url,
      AGENT_USERNAME: username,
      AGENT_PASSWORD: password,
      AGENT_ID: agent_id,
      AGENT_STATE_DIR: folder.path,
    },
    log: silent,
  })
  await agent.registered
  return {
    async [Symbol.asyncDispose]() {
      await agent.stop({ drainMs: 0 })
      folder[Symbol.dispose]()
    },
  }
}

/** A client of a controller, as the account of that role. */
export function clientOf(url: string, role: keyof typeof accounts): OgentClient {
  const { username, password } = accounts[role]
  return createOgentClient({ url, username, password })
}

/** A policy that gives the operator of the tests these grants, besides the role. */
export function policyFor(grants: NonNullable<AccessPolicyInput['roles']>[string]): AccessPolicyInput {
  return { roles: { narrow: grants }, bindings: [{ to: 'user:olga', role: 'narrow' }] }
}
