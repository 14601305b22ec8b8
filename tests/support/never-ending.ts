import type { RunOptions } from '../../src/client/commands/run-options.js'
import { OgentError } from '../../src/shared/errors.js'

/** A command that has started, and whose cancel is refused. */
export function neverEnding(): RunOptions {
  const open: RunOptions['main'] = (_lastEventId, observer) => {
    const progress = { type: 'command_progress', command_id: 'c', state: 'agent_back' } as const
    queueMicrotask(() => observer.onEvent('c:1', { ...progress, timestamp: '2026-01-01T00:00:00.000Z' }))
    return () => {}
  }
  return {
    command_id: 'c',
    encoding: 'utf8',
    from_seq: 1,
    starts: true,
    lease: false,
    firstContactMs: 1000,
    renewToken: () => false,
    main: open,
    follow: () => open,
    cancel: async () => {
      throw new OgentError('FORBIDDEN', 'It takes the role operator.')
    },
  }
}
