/**
 * `Symbol.asyncDispose`, also where the runtime has none yet, as browsers of 2024: what compilers make of `await using`
 * looks for this one then.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ??
  // The registry's symbol has the role of the well-known one, and no type of its own.
  (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose)
