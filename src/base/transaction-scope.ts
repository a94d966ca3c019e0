// Knows whether the running code is inside a database transaction. Asking another system for
// anything there would hold locks while waiting, so such calls refuse to start. Only where somebody
// watches, which tests do: to carry the scope along makes every promise of the process dearer, which
// is a tenth of what a claim costs the server.
import { AsyncLocalStorage } from 'node:async_hooks';

let scope: AsyncLocalStorage<true> | undefined;

/** From here on, for the whole process. */
export function watchTransactions(): void {
  scope ??= new AsyncLocalStorage();
}

export function runInsideTransaction<T>(work: () => Promise<T>): Promise<T> {
  return scope === undefined ? work() : scope.run(true, work);
}

/** Throws when called inside a transaction that is watched; `what` names the call that must not be made there. */
export function assertOutsideTransaction(what: string): void {
  if (scope?.getStore() === true) throw new Error(`${what} inside a database transaction`);
}
