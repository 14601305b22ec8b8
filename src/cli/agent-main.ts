#!/usr/bin/env node
/** `ogent-agent`: the agent alone. Bundled as one file (packaging/bundle.mjs) it is what the guard's thread runs, too. */
import { isMainThread } from 'node:worker_threads'

// Each loads what it needs, and nothing of the other.
if (isMainThread) {
  const { runAgentProgram } = await import('./agent-program.js')
  process.exitCode = await runAgentProgram(process.argv.slice(2))
} else {
  await import('../guard/worker.js')
}
