// A look for what is wrong, as a query that finds it: nothing found, nothing wrong.
import { count, text } from '../column.ts';
import { statement, takes, type NoArgs, type Statement } from '../statement.ts';

export interface CheckSpec {
  /** `noun.problem`; stands in reports and never changes. */
  readonly id: string;
  /** What is wrong where something is found. */
  readonly title: string;
  /** What a person does about it. */
  readonly remedy: string;
  /** Selects one text for each thing that is wrong: what it is, mostly an id. */
  readonly sql: string;
}

export interface Check extends CheckSpec {
  /** The first of what is wrong. */
  readonly find: Statement<NoArgs, typeof foundColumns>;
}

const foundColumns = {
  subject: text,
  /** How many there are, of which these are the first. */
  total: count,
};

const SHOWN = 20;

/** The remedy for what only a fault of Standby, or a hand in the database, can have made. */
export const REPORT =
  'No version of Standby writes this. Keep a dump, stop what changed the database by hand, and report it.';

export function check(spec: CheckSpec): Check {
  return {
    ...spec,
    find: statement({
      name: `doctor.${spec.id}`,
      takes: takes<NoArgs>(),
      gives: foundColumns,
      sql: `
        with found (subject) as (${spec.sql})
        select subject, count(*) over () as total
        from found
        order by subject
        limit ${SHOWN}`,
    }),
  };
}
