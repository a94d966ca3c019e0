// The product's database as one process has it: its connections break after a commit, the process
// stands still in the middle of its work, or dies.
import { AppError } from '../../../src/base/app-error.ts';
import type { Database, Transaction } from '../../../src/store/database.ts';
import { createDeferred } from '../deferred.ts';
import type { Activity } from './activity.ts';

export interface UnsteadyDatabase extends Database {
  /** Every statement waits, with the locks of its transaction, until the returned function is called. */
  stall(): () => void;
  /** As after a kill: nothing is asked any more, and what was being asked is answered nobody. */
  sever(): void;
}

export interface UnsteadyOptions {
  readonly activity: Activity;
  /** Whether a transaction that was committed is told to have failed. */
  readonly isCommitUnknown: () => boolean;
}

export function createUnsteadyDatabase(
  steady: Database,
  { activity, isCommitUnknown }: UnsteadyOptions,
): UnsteadyDatabase {
  let standing: Promise<unknown> = Promise.resolve();
  let isSevered = false;
  const pass = async (): Promise<void> => {
    await standing;
    if (isSevered) throw gone();
  };
  const ask = async <T>(work: () => Promise<T>): Promise<T> => {
    await pass();
    const answer = await activity.track(work());
    await pass();
    return answer;
  };
  const inside = (tx: Transaction): Transaction => ({
    ...tx,
    query: async (query) => {
      await pass();
      const answer = await tx.query(query);
      await pass();
      return answer;
    },
  });
  return {
    ...steady,
    query: (query) => ask(() => steady.query(query)),
    transaction: (work, options) =>
      ask(async () => {
        const result = await steady.transaction((tx) => work(inside(tx)), options);
        if (isCommitUnknown()) throw gone();
        return result;
      }),
    connect: () => ask(() => steady.connect()),
    announce: (notices) => {
      if (!isSevered) steady.announce(notices);
    },
    // It is the next life's, too.
    close: () => Promise.resolve(),
    stall: () => {
      const gate = createDeferred<undefined>();
      standing = gate.promise;
      return () => gate.resolve(undefined);
    },
    sever: () => {
      isSevered = true;
    },
  };
}

function gone(): AppError {
  return new AppError('DATABASE_UNAVAILABLE', 'the simulated connection broke');
}
