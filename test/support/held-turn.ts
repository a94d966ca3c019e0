// A turn of a pool that has decided and acted, and is kept from committing.
import { expect } from 'vitest';
import { installFailpoints } from '../../src/base/failpoint.ts';
import type { PoolOutcome } from '../../src/reconciler/reconcile-pool.ts';

export interface HeldTurn {
  /** Lets it commit, and gives what it did. */
  release(): Promise<PoolOutcome>;
}

/** Resolves once the turn that `reconcile` begins holds its locks and has written. */
export async function holdTurn(reconcile: () => Promise<PoolOutcome>): Promise<HeldTurn> {
  let open = (): void => undefined;
  const gate = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined);
  });
  const reached = new Promise<void>((resolve) => {
    installFailpoints((point) => {
      if (point !== 'pool.decided') return undefined;
      installFailpoints(undefined);
      resolve();
      return gate;
    });
  });
  const turn = reconcile();
  await Promise.race([reached, turn]);
  return {
    release: () => {
      open();
      return turn;
    },
  };
}

/** Until some session waits for a lock of another. */
export async function somebodyWaits(store: {
  sql(text: string): Promise<readonly unknown[]>;
}): Promise<void> {
  await expect
    .poll(
      () =>
        store.sql(
          `select from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        ),
      { interval: 5 },
    )
    .not.toHaveLength(0);
}
