import type { Tracing } from './otlp.js'

/** Tracing to an endpoint, where one is set: what it takes is loaded only then. */
export async function openTracingTo(
  endpoint: string | undefined,
  service: { service: string; version: string },
  log: Record<'info' | 'warn', (fields: object, message: string) => void>,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined
  const { openTracing } = await import('./otlp.js')
  const onTrouble = (cause: string | undefined) => {
    if (cause === undefined) log.info({}, 'traces are exported again')
    else log.warn({ cause }, 'traces are not exported')
  }
  return openTracing({ endpoint, ...service, onTrouble })
}
