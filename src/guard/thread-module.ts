/**
 * What a thread of the guard runs. Tests run the sources, of which a thread takes the built ones; in the agent's one bundled
 * file the thread is that file itself (packaging/bundle.mjs).
 */
export const threadModule = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/guard/worker.js' : './worker.js',
  import.meta.url,
)
