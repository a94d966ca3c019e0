// Knows whether the running code is inside a database transaction. Asking another system for
// anything there would hold locks while waiting, so such calls refuse to start.
import { AsyncLocalStorage } from 'node:async_hooks';

const scope = new AsyncLocalStorage<true>();

export function runInsideTransaction<T>(work: () => Promise<T>): Promise<T> {
  return scope.run(true, work);
}

/** Throws when called inside a transaction; `what` names the call that must not be made there. */
export function assertOutsideTransaction(what: string): void {
  if (scope.getStore() === true) throw new Error(`${what} inside a database transaction`);
}
