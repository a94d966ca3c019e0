// Column types of statements: what a value is in TypeScript, and the PostgreSQL type it must come
// from, which a test compares with what the server says of every statement.
import type { Instant } from '../base/clock.ts';

export interface Column<T> {
  /** The PostgreSQL type's OID. */
  readonly oid: number;
  readonly nullable: boolean;
  /** Exists for the type only. */
  readonly type?: T;
}

export type Columns = Readonly<Record<string, Column<unknown>>>;

export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends Column<infer T> ? T : never;
};

/** OIDs of the types in use, as pg_type has them. */
export const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  float8: 701,
  textArray: 1009,
  timestamptz: 1184,
  uuid: 2950,
  jsonb: 3802,
} as const;

export const bool = column<boolean>(OID.bool);
export const bytes = column<Buffer>(OID.bytea);
/** A count; int8, because that is what count() gives. Exact up to 2^53. */
export const count = column<number>(OID.int8);
/** Money: hundredths of a currency's unit. Exact up to 2^53. */
export const amount = column<number>(OID.int8);
export const int = column<number>(OID.int4);
export const float = column<number>(OID.float8);
export const text = column<string>(OID.text);
export const textArray = column<readonly string[]>(OID.textArray);
export const instant = column<Instant>(OID.timestamptz);

export function uuid<Id extends string>(): Column<Id> {
  return column<Id>(OID.uuid);
}

/** A JSON document that only this project writes; its shape is the writer's promise. */
export function json<T>(): Column<T> {
  return column<T>(OID.jsonb);
}

/** The same as a statement puts it together for nobody but its caller: text is joined, nothing parsed. */
export function jsonText<T>(): Column<T> {
  return column<T>(OID.json);
}

/** A text column whose values a CHECK constraint limits to the members of a union. */
export function oneOf<T extends string>(): Column<T> {
  return column<T>(OID.text);
}

export function nullable<T>(of: Column<T>): Column<T | null> {
  return { oid: of.oid, nullable: true };
}

function column<T>(oid: number): Column<T> {
  return { oid, nullable: false };
}
