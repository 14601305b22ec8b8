import type { AgentEvent } from '../../shared/agents/agent.js'
import { FoldingQueue } from '../../shared/async/queue.js'
import { OgentError } from '../../shared/errors.js'
import type { CallSite } from '../call-site.js'
import { ownError, toOgentError } from '../errors.js'
import { retryPause } from '../transport/retry.js'

export type WatchObserver = {
  onData(message: { data: AgentEvent }): void
  onError(error: unknown): void
  onComplete(): void
}

export type WatchOptions = {
  /** Opens the subscription. */
  subscribe: (observer: WatchObserver) => { unsubscribe(): void }
  /** After a refused token: whether a fresh one can be had. */
  renewToken: () => boolean
  /** Ends the loop, as a `break` does. */
  signal?: AbortSignal | undefined
  /** Where the caller asked for it; none. */
  site?: CallSite
  /** Events that may wait for the reader, and from how many on only the newest of each agent is kept. */
  limits?: { max: number; foldFrom: number }
}

/** More than a controller is known to have agents; what waits is some 20 MB then. */
const LIMITS = { max: 20_000, foldFrom: 1000 }

/**
 * A snapshot of the agents, then every change. Each subscription begins with a snapshot, which says all that was missed:
 * so does the one after a lost socket, and the one after those events that were too many for a slow reader.
 */
export async function* watchAgents(options: WatchOptions): AsyncGenerator<AgentEvent, void> {
  const { renewToken, signal, site } = options
  let begun = false
  const onBegin = () => {
    begun = true
  }
  while (!signal?.aborted) {
    const failure = yield* oneSubscription(options, onBegin)
    if (signal?.aborted) return
    const passes =
      !failure ||
      failure.code === 'CONNECTION_LOST' ||
      (failure.code === 'UNAUTHORIZED' && renewToken()) ||
      // A watch that is there goes on when its caller has waited as long as the controller says.
      (failure.code === 'RATE_LIMITED' && begun)
    if (!passes) throw site ? site.error(failure) : ownError(failure)
    // Aborted, it is over, and so is the loop.
    await retryPause(signal, failure).catch(() => {})
  }
}

/** To its end, and what waits then; gives the reason, or none where the reader was too far behind. */
async function* oneSubscription(
  { subscribe, signal, limits = LIMITS }: WatchOptions,
  onBegin: () => void,
): AsyncGenerator<AgentEvent, OgentError | undefined> {
  let failure: OgentError | undefined
  const events = new FoldingQueue<AgentEvent>({ ...limits, keyOf })
  const end = (error: unknown) => {
    failure ??= toOgentError(error)
    events.end()
  }
  const subscription = subscribe({
    onData: ({ data }) => {
      onBegin()
      // All that waits is older than the snapshot, and said by it.
      if (data.type === 'snapshot') events.clear()
      if (events.push(data)) return
      events.end()
      subscription.unsubscribe()
    },
    onError: end,
    onComplete: () => end(new OgentError('CONNECTION_LOST', 'The controller ended the watch.')),
  })
  const leave = () => void events.return()
  signal?.addEventListener('abort', leave, { once: true })
  try {
    yield* events
  } finally {
    signal?.removeEventListener('abort', leave)
    subscription.unsubscribe()
  }
  return failure
}

function keyOf(event: AgentEvent): string {
  return event.type === 'snapshot' ? '' : event.agent.agent_id
}
