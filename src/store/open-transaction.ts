// A transaction on one connection, from its begin to its end. What nobody waits for goes with the next statement, in
// one message: the begin, savepoints, and what is to be done later.
import type pg from 'pg';
import type { Answer } from './message-query.ts';
import { inMessages, sendMessage } from './message.ts';
import type { Notice } from './notice.ts';
import type { Executor, Query, QueryResult } from './statement.ts';

export interface OpenTransaction extends Executor {
  /**
   * Runs it ahead of whatever comes next, be it the commit, in one message with that: nobody waits for it. Should it
   * fail, what it goes with fails by its error, so it is for what must not fail. It gives no rows.
   */
  later(query: Query): void;
  notify(...notices: readonly Notice[]): void;
  /** Runs `work` in a savepoint: what it wrote is undone when it throws, and the error goes on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
  /** Commits, or takes back what was a dry run. Where nothing was asked there is nothing to end. */
  end(): Promise<void>;
  /** From here on nothing can be asked of it, also by who has not heard of the error yet. The caller rolls it back. */
  fail(error: unknown): void;
}

const ask = (name: string, text: string): Query => ({
  name: `transaction.${name}`,
  text,
  values: [],
});

const BEGIN = {
  // Said every time: a server, a database or a role may have another default, and under a stricter
  // one whoever waited for a lock goes on in the world as it was before.
  write: 'begin isolation level read committed',
  dry_run: 'begin isolation level read committed',
  snapshot: 'begin isolation level repeatable read read only',
} as const;

export type TransactionMode = keyof typeof BEGIN;

const COMMIT = ask('commit', 'commit');
const ROLLBACK = ask('rollback', 'rollback');

/** Made only where somebody asks all the same: nearly every transaction ends well. */
const ENDED = {
  get error(): Error {
    return new Error('the transaction has ended');
  },
};

export function openTransaction(
  client: pg.ClientBase,
  { mode, notices }: { readonly mode: TransactionMode; readonly notices: Notice[] },
): OpenTransaction {
  /** Goes ahead of the next statement. */
  let ahead: Query[] = [ask(`begin_${mode}`, BEGIN[mode])];
  /** How many savepoints are open. */
  let depth = 0;
  let isBegun = false;
  /** Why nothing can be asked any more; only a savepoint from before is a way back. */
  let over: { readonly error: unknown } | undefined;
  let isEnded = false;
  /** There is no way back. A function, because it may become so while something is waited for. */
  const hasEnded = (): boolean => isEnded;
  let turn: Promise<unknown> = Promise.resolve();

  const send = async (statements: readonly Query[]): Promise<Answer> => {
    try {
      let result: Answer | undefined;
      for (const message of inMessages(client, statements)) {
        if (over !== undefined) throw over.error;
        result = await sendMessage(client, message);
        isBegun = true;
      }
      return result as Answer;
    } catch (error) {
      // There may be no transaction, and all else would run outside of one.
      if (!isBegun) over ??= { error };
      throw error;
    }
  };
  const query = (last: Query): Promise<Answer> => {
    const statements = [...ahead, last];
    ahead = [];
    const sent = turn.then(() => send(statements));
    turn = sent.catch(() => undefined);
    return sent;
  };

  const close = (why: { readonly error: unknown }): void => {
    over = why;
    isEnded = true;
  };

  const goBackTo = async (name: string, error: unknown): Promise<void> => {
    ahead = [];
    await turn;
    if (hasEnded()) return; // Somebody else has the connection by now.
    try {
      // Released too, so that nobody goes back to it who never came to one of the same name.
      await client.query(`rollback to savepoint ${name}; release savepoint ${name}`);
      isBegun = true;
      if (!hasEnded()) over = undefined;
    } catch {
      // It was not come to: what failed was before it, and the transaction fails by that.
      over = { error };
    }
  };

  const savepoint = async <T>(work: () => Promise<T>): Promise<T> => {
    depth += 1;
    const name = `s${depth}`;
    const mark = ask(`savepoint_${name}`, `savepoint ${name}`);
    const release = ask(`release_${name}`, `release savepoint ${name}`);
    const noticesBefore = notices.length;
    ahead.push(mark);
    try {
      const result = await work();
      if (over !== undefined) throw over.error;
      if (ahead.at(-1) === mark) ahead.pop();
      // What is still to be sent may fail, and then it is this savepoint that is gone back to.
      else if (ahead.length > 0) await query(release);
      else ahead.push(release);
      return result;
    } catch (error) {
      notices.length = noticesBefore;
      const unsent = ahead.indexOf(mark);
      if (unsent === -1) await goBackTo(name, error);
      else ahead.length = unsent;
      throw error;
    } finally {
      depth -= 1;
    }
  };

  return {
    query: async (asked) => toResult(await query(asked)),
    later: (asked) => {
      ahead.push(asked);
    },
    notify: (...more) => {
      notices.push(...more);
    },
    savepoint,
    fail: (error) => close({ error }),
    end: async () => {
      const isUntouched = !isBegun && over === undefined && ahead.length === 1;
      if (isUntouched) return;
      const isDryRun = mode === 'dry_run';
      const { command } = await query(isDryRun ? ROLLBACK : COMMIT);
      // PostgreSQL answers a commit so, without an error, when a statement failed and nobody said so.
      if (command === 'ROLLBACK' && !isDryRun) {
        throw new Error('the transaction had failed before its commit');
      }
      close(ENDED);
    },
  };
}

export function toResult({ rows, rowCount }: Answer): QueryResult {
  return { rows, rowCount: rowCount ?? 0 };
}
