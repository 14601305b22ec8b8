import * as z from 'zod'

const principalFields = {
  /** The id of the account, of the agent's identity or of the capability. It is never given again. */
  principal_id: z
    .string()
    .describe("The id of the account, the agent's identity or the capability; never given again."),
  /** What acts: a person's account, a service account, an agent with a key, a capability token. */
  kind: z.enum(['user', 'service', 'agent', 'capability']).describe('What acts.'),
  /** The name of the account, or the id of the agent. */
  name: z.string().describe('The name of the account, or the id of the agent.'),
  /** The roles that the account has itself; those that a policy binds to it are not among them. */
  roles: z
    .array(z.string())
    .describe('The roles that the account has itself, without those that a policy binds to it.'),
  /** By what the caller proved who it is. */
  via: z
    .enum(['password', 'oidc', 'api_token', 'capability', 'agent_key'])
    .describe('By what the caller proved who it is.'),
  /** The session: the id of a login, or of the API token. */
  session_id: z.string().describe('The id of the login, or of the API token.'),
  /** The account in whose name a capability acts. */
  on_behalf_of: z.string().optional().describe('The account in whose name a capability acts.'),
}
/** The schema of `Principal`. */
export const principalSchema = z.object(principalFields)
/** Who acts, as a token proves it. */
export interface Principal extends z.infer<z.ZodObject<typeof principalFields>> {}
