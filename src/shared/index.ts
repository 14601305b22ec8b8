/** `ogent/shared`: the schemas and types of everything on the wire. */

export * from './access/identity.js'
export * from './agents/agent.js'
export * from './analysis/analysis.js'
export * from './commands/event.js'
export * from './commands/event-text.js'
export * from './commands/outcome.js'
export * from './commands/record.js'
export * from './commands/request.js'
export * from './commands/result.js'
export * from './errors.js'
export * from './link/protocol.js'
