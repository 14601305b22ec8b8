import { installCommand, isNotInstalled } from '../optional-packages.js'
import type { Tracing } from './otlp.js'

/** What `otlp.ts` imports. */
const PACKAGES = [
  '@opentelemetry/api',
  '@opentelemetry/core',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
]

/**
 * Tracing to an endpoint, where one is set: what it takes is loaded only then, and is optional. Where it is not installed the
 * role goes on without traces, and says so.
 */
export async function openTracingTo(
  endpoint: string | undefined,
  service: { service: string; version: string },
  log: Record<'info' | 'warn', (fields: object, message: string) => void>,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined
  const otlp = await import('./otlp.js').catch((error: unknown) => {
    if (!isNotInstalled(error)) throw error
    const install = installCommand(PACKAGES)
    log.warn({ cause: error.message, install }, 'traces are not exported: OpenTelemetry is not installed')
  })
  if (!otlp) return undefined
  const onTrouble = (cause: string | undefined) => {
    if (cause === undefined) log.info({}, 'traces are exported again')
    else log.warn({ cause }, 'traces are not exported')
  }
  return otlp.openTracing({ endpoint, ...service, onTrouble })
}
