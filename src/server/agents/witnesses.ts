import { z } from 'zod'
import {
  type AuditCheckpoint,
  type AuditWitness,
  type AuditWitnesses,
  auditWitnessSchema,
} from '../../shared/access/audit.js'
import { resolvesWithin } from '../../shared/async/timeout.js'
import { newId } from '../../shared/id.js'
import type { WitnessAnswer } from '../../shared/link/protocol.js'
import type { Listening, Relay } from '../cluster/ports.js'
import type { AgentLink } from './connection.js'
import type { Agents } from './registry.js'

/** What an agent can do that keeps checkpoints. */
const FEATURE = 'witness'
/** Where all controllers hear that agents are asked. */
const ASKED = 'audit-witnesses'
/** How long answers are waited for, in ms. */
const ANSWER_MS = 3000
/** Agents that are asked. */
const MOST_ASKED = 10_000

const questionSchema = z.object({ ask: z.string().max(64) })

/** The newest checkpoint for a link that has not had it, where its agent keeps such. */
export function checkpointFor(
  link: AgentLink,
  newest: AuditCheckpoint | undefined,
): { checkpoint?: AuditCheckpoint } {
  if (!newest || newest.signature === link.witnessed || !link.features.includes(FEATURE)) return {}
  link.witnessed = newest.signature
  return { checkpoint: newest }
}

/** Agents as witnesses of the audit: asks those that are connected, at any controller, which heads of its chains they have kept. */
export class Witnesses {
  readonly #agents: Agents
  readonly #relay: Relay
  readonly #listening: Listening

  constructor({ agents, relay }: { agents: Agents; relay: Relay }) {
    this.#agents = agents
    this.#relay = relay
    this.#listening = relay.listen(ASKED, (message) => this.#askHere(message))
  }

  /** Those that answer within a moment. */
  async ask(): Promise<AuditWitnesses> {
    const connected = await this.#agents.known.page(
      undefined,
      MOST_ASKED,
      ({ status, features }) => status === 'connected' && features.includes(FEATURE),
    )
    const expected = connected.next === undefined ? connected.agents.length : Number.POSITIVE_INFINITY
    const found = new Map<string, AuditWitness>()
    if (expected === 0) return { witnesses: [] }
    const ask = newId()
    let onAll = () => {}
    const all = new Promise<void>((resolve) => {
      onAll = resolve
    })
    const answers = this.#relay.listen(addressOf(ask), (message) => {
      const answer = auditWitnessSchema.safeParse(parsed(message)).data
      if (answer) found.set(answer.agent_id, answer)
      if (found.size >= expected) onAll()
    })
    try {
      await resolvesWithin(answers.opened, ANSWER_MS)
      this.#relay.send(ASKED, Buffer.from(JSON.stringify({ ask })))
      await resolvesWithin(all, ANSWER_MS)
    } finally {
      answers.close()
    }
    return { witnesses: [...found.values()].sort((a, b) => (a.agent_id < b.agent_id ? -1 : 1)) }
  }

  /** What an agent whose link is here answers. */
  answered({ agent_id }: AgentLink, answers: WitnessAnswer[]): void {
    for (const { ask, checkpoints } of answers) {
      const witness: AuditWitness = { agent_id, checkpoints }
      this.#relay.send(addressOf(ask), Buffer.from(JSON.stringify(witness)))
    }
  }

  close(): void {
    this.#listening.close()
  }

  #askHere(message: Uint8Array): void {
    const question = questionSchema.safeParse(parsed(message)).data
    if (!question) return
    for (const link of this.#agents.links) {
      // One that does not read its orders does not answer either.
      if (link.features.includes(FEATURE) && link.hasRoom)
        link.push({ type: 'checkpoints_event', ...question })
    }
  }
}

function addressOf(ask: string): string {
  return `${ASKED}:${ask}`
}

function parsed(message: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(message).toString())
  } catch {
    return undefined
  }
}
