// A database that keeps what went through it: statements by their names, and how many transactions.
import type { Database } from '../../src/store/database.ts';
import type { Query } from '../../src/store/statement.ts';

export interface CountedDatabase extends Database {
  /** Starts anew, and gives what there was since. */
  take(): Counted;
}

export interface Counted {
  /** In order, without `begin` and `commit`. */
  readonly statements: readonly string[];
  /** Each is one `begin` and one `commit` more. */
  readonly transactions: number;
}

export function countStatements(database: Database): CountedDatabase {
  let statements: string[] = [];
  let transactions = 0;
  const note = <T>(query: Query, run: (query: Query) => T): T => {
    statements.push(query.name);
    return run(query);
  };
  return {
    ...database,
    query: (query) => note(query, (noted) => database.query(noted)),
    transaction: (work, options) => {
      transactions += 1;
      return database.transaction(
        (tx) =>
          work({
            ...tx,
            query: (query) => note(query, (noted) => tx.query(noted)),
            later: (query) => note(query, (noted) => tx.later(noted)),
          }),
        options,
      );
    },
    take: () => {
      const counted = { statements, transactions };
      statements = [];
      transactions = 0;
      return counted;
    },
  };
}
