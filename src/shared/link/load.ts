import * as z from 'zod'

const agentLoadFields = {
  /** Commands that run. */
  running: z.number().int().min(0),
  /** Commands that wait for their turn. */
  queued: z.number().int().min(0),
  /** Bytes of reports that are not receipted. */
  outbox_bytes: z.number().int().min(0).describe('reports that are not receipted'),
}
/** The schema of `AgentLoad`. */
export const agentLoadSchema = z.object(agentLoadFields)
/** How much an agent has to do; told now and then, for those who watch over it. */
export interface AgentLoad extends z.infer<z.ZodObject<typeof agentLoadFields>> {}
