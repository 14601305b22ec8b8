// TypeDoc works with the API of TypeScript 5, which 7 does not have: it gets that one for its own.
export function resolve(specifier, context, next) {
  return next(specifier === 'typescript' ? 'typescript-5-9' : specifier, context)
}
