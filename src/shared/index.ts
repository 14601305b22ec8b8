/** `ogent/shared`: the schemas and types of everything on the wire. */
export * from './agent.js'
export * from './command.js'
export * from './errors.js'
export * from './event.js'
export * from './identity.js'
export * from './link.js'
export * from './record.js'
export * from './result.js'
