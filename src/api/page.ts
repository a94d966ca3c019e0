// Pages of lists: the cursor is the key of the last row that was shown.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import { isUuid } from '../base/id.ts';

export interface PageQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

const DEFAULT_LIMIT = 100;

/** How many rows to read: one more than are shown, to know whether there are more. */
export function rowsToRead({ limit = DEFAULT_LIMIT }: PageQuery): number {
  return limit + 1;
}

/** The cursor of a list that is ordered by a time-ordered id. Throws BAD_REQUEST for one that is none. */
export function idCursor<Id extends string>({ cursor }: PageQuery): Id | null {
  if (cursor === undefined) return null;
  if (!isUuid(cursor)) throw new AppError('BAD_REQUEST', `query.cursor is ${excerpt(cursor)}`);
  return cursor as Id;
}

/** The cursor of a list that is ordered by a number. Throws BAD_REQUEST for one that is none. */
export function numberCursor({ cursor }: PageQuery): number | null {
  if (cursor === undefined) return null;
  if (!/^\d{1,9}$/.test(cursor)) {
    throw new AppError('BAD_REQUEST', `query.cursor is ${excerpt(cursor)}`);
  }
  return Number(cursor);
}

/** The page of `rows`, which were read with rowsToRead. */
export function pageOf<Row, View>(
  query: PageQuery,
  rows: readonly Row[],
  show: { readonly view: (row: Row) => View; readonly key: (row: Row) => string },
): { readonly items: View[]; readonly next_cursor: string | null } {
  const shown = rows.slice(0, query.limit ?? DEFAULT_LIMIT);
  const last = shown.at(-1);
  const more = rows.length > shown.length && last !== undefined;
  return { items: shown.map(show.view), next_cursor: more ? show.key(last) : null };
}
