import { Events } from '../../src/server/events.js'

/** Events of which no subscriber may fail: the error is thrown where nothing catches it, so that the run fails. */
export function strictEvents(): Events {
  return new Events((error) => queueMicrotask(() => Promise.reject(error)))
}
