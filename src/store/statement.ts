// SQL as values: every statement has a stable name, named parameters and described columns, and is
// kept in a registry, so that a test can prepare all of them against a migrated database.
import type { Columns, RowOf } from './column.ts';
import { compileSql, type Variant } from './compile-sql.ts';
import { rowMaker } from './row-maker.ts';

/** What can run a statement: the database itself (a transaction of its own) or an open transaction. */
export interface Executor {
  query(query: Query): Promise<QueryResult>;
}

/** An open transaction. */
export interface Deferring {
  later(query: Query): void;
}

export interface Query {
  /** The statement's; where it has filters, with which of them are given: PostgreSQL keeps one text by one name. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface QueryResult {
  readonly rows: readonly (readonly unknown[])[];
  readonly rowCount: number;
}

export interface StatementSpec<Args, C extends Columns> {
  /** `noun.verb`, unique; shows in logs and in pg_prepared_statements. */
  readonly name: string;
  /** The type of the arguments; see `takes`. */
  readonly takes: Taken<Args>;
  /** The columns in camelCase, in the order of the select list or `returning`, where they are snake_case. */
  readonly gives: C;
  /** Parameters are written `$camelCase`; for a part that is left out where one is null, see `ifGiven`. */
  readonly sql: string;
}

export interface Statement<Args, C extends Columns> {
  readonly name: string;
  /** With all of its filters. */
  readonly text: string;
  /** Of `text`, in the order of their numbers. */
  readonly parameters: readonly string[];
  /** Everything that it may ask PostgreSQL: one for each choice of its filters. */
  readonly variants: () => readonly Variant[];
  readonly columns: C;
  /** Every row. */
  all(on: Executor, args: Args): Promise<readonly RowOf<C>[]>;
  /** The only row, or undefined. */
  maybe(on: Executor, args: Args): Promise<RowOf<C> | undefined>;
  /** The only row; throws when there is none. */
  one(on: Executor, args: Args): Promise<RowOf<C>>;
  /** Runs it for its effect and gives the number of rows concerned. */
  run(on: Executor, args: Args): Promise<number>;
  /** Runs it for its effect with whatever the transaction does next. For statements without columns only. */
  later(on: Deferring, args: Args): void;
}

declare const argsType: unique symbol;
export interface Taken<Args> {
  readonly [argsType]?: Args;
}

/** Names the type of a statement's arguments: `takes<{ readonly id: JobId }>()`. */
export function takes<Args>(): Taken<Args> {
  return {};
}

/** For a statement without parameters. */
export type NoArgs = Readonly<Record<string, never>>;

const registry = new Map<string, Statement<never, Columns>>();

/** All statements of the modules that were loaded, by name. */
export function registeredStatements(): readonly Statement<never, Columns>[] {
  return [...registry.values()];
}

export function statement<Args, C extends Columns>(
  spec: StatementSpec<Args, C>,
): Statement<Args, C> {
  if (registry.has(spec.name)) throw new Error(`two statements are named ${spec.name}`);
  const { full, variantFor, variants } = compileSql(spec.name, spec.sql);
  const { text, parameters } = full;
  const givesRows = Object.keys(spec.gives).length > 0;

  const queryOf = (args: Args): Query => {
    const given = args as Readonly<Record<string, unknown>>;
    const missing = parameters.find((name) => given[name] === undefined);
    if (missing !== undefined) throw new Error(`${spec.name}: parameter ${missing} was not given`);
    const variant = variantFor(given);
    const values = variant.parameters.map((name) => given[name]);
    return { name: variant.name, text: variant.text, values };
  };
  const execute = (on: Executor, args: Args): Promise<QueryResult> => on.query(queryOf(args));

  const toRow = rowMaker(spec.gives);

  const all = async (on: Executor, args: Args): Promise<readonly RowOf<C>[]> =>
    (await execute(on, args)).rows.map(toRow);

  const maybe = async (on: Executor, args: Args): Promise<RowOf<C> | undefined> => {
    const { rows } = await execute(on, args);
    if (rows.length > 1) throw new Error(`${spec.name}: ${rows.length} rows, at most one expected`);
    return rows[0] === undefined ? undefined : toRow(rows[0]);
  };

  const one = async (on: Executor, args: Args): Promise<RowOf<C>> => {
    const row = await maybe(on, args);
    if (row === undefined) throw new Error(`${spec.name}: no row, one expected`);
    return row;
  };

  const run = async (on: Executor, args: Args): Promise<number> =>
    (await execute(on, args)).rowCount;

  const later = (on: Deferring, args: Args): void => {
    if (givesRows) throw new Error(`${spec.name} gives rows that nobody would read`);
    on.later(queryOf(args));
  };

  const calls = { all, maybe, one, run, later };
  const made = { name: spec.name, text, parameters, variants, columns: spec.gives, ...calls };
  registry.set(spec.name, made);
  return made;
}

/** A JSON parameter. A bare array would be sent as a PostgreSQL array. */
export function asJson(value: unknown): string {
  return JSON.stringify(value);
}
