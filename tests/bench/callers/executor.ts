import type { Caller, Sink } from './caller.js'

/** What this caller uses of the agent's SSH executor, which is no part of the package's exports. */
type Executor = {
  open(): void
  start(spec: { command_id: string; command: string }, signal: AbortSignal): Promise<Execution>
  close(): Promise<void>
}
type Execution = {
  output: AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Uint8Array }>
  exit: Promise<{ exit_code: number | null }>
}
type ExecutorClass = new (settings: object, options: object) => Executor

/** A caller through Ogent's SSH executor alone, over its kept connection: no controller, no agent around it. */
export async function executorCaller(place: {
  port: number
  username: string
  keyPath: string
  hostFingerprint: string
}): Promise<Caller> {
  const built = new URL('../../../dist/agent/executors/ssh/executor.js', import.meta.url)
  // The import is of this project's own build, whose class has this shape.
  const { SshExecutor } = (await import(built.href)) as { SshExecutor: ExecutorClass }
  const ignore = () => {}
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  const settings = { host: '127.0.0.1', timeoutMs: 10_000, knownHostsPath: '/dev/null', ...place }
  const executor = new SshExecutor(settings, { log })
  executor.open()
  const never = new AbortController().signal
  let last = 0
  return {
    run: async (_agent: string, command: string, sink: Sink) => {
      last += 1
      const execution = await executor.start({ command_id: `bench-${last}`, command }, never)
      for await (const { stream, data } of execution.output) if (stream === 'stdout') sink(data)
      return (await execution.exit).exit_code
    },
    close: () => executor.close(),
  }
}
