/** `ogent/shared`: the schemas and types of everything on the wire. */

export * from './access/audit.js'
export * from './access/identity.js'
export * from './agents/agent.js'
export * from './agents/query.js'
export { parseSelector } from './agents/selector/parser.js'
export { formatSelector } from './agents/selector/printer.js'
export type {
  AllSelector,
  AndSelector,
  FieldSelector,
  IdsSelector,
  NotSelector,
  OrSelector,
  RunSelector,
  Selector,
  SelectorOperator,
  SetSelector,
  TargetOutcome,
} from './agents/selector/tree.js'
export { selectorSchema } from './agents/selector.js'
export * from './analysis/analysis.js'
export * from './commands/event.js'
export * from './commands/event-text.js'
export * from './commands/input.js'
export * from './commands/outcome.js'
export * from './commands/record.js'
export * from './commands/request.js'
export * from './commands/result.js'
export * from './errors.js'
export * from './link/protocol.js'
