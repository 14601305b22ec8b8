import { openCaller, type Place } from './callers/caller.js'
import { handlersOf, type JobName } from './jobs.js'
import { given, ready } from './roles/role.js'

/** A caller as a process of its own: it takes jobs from the bench and sends back what it measured. */
const caller = await openCaller(given<Place>())
const handlers = handlersOf(caller)

process.on('message', async (message: { job: JobName; input: never; id: number }) => {
  const { job, input, id } = message
  try {
    process.send?.({ id, output: await handlers[job](input) })
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.message : String(error) })
  }
})
ready()
