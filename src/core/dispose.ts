// The key of the method that `using` calls at the end of a block
// (https://github.com/tc39/proposal-explicit-resource-management).

/** `Symbol.dispose`, or a symbol of its own where an engine does not have it yet. */
export const DISPOSE: typeof Symbol.dispose = Symbol.dispose ?? (Symbol.for("Symbol.dispose") as never);
