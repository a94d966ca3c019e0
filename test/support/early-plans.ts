// Statements that a connection has planned while the tables were empty, as on a new installation: such a plan is kept.
import pg from 'pg';
import type { TestStore } from './store.ts';
import { touchedRows } from './touched-rows.ts';

type Args = Readonly<Record<string, string>>;

export interface Planned {
  readonly text: string;
  readonly parameters: readonly string[];
}

export interface EarlyPlans<Name extends string> {
  /** Runs one with the arguments, as PostgreSQL writes them, and gives how many rows of each table it touched. */
  touched(name: Name, args: Args): Promise<Readonly<Record<string, number>>>;
}

/** To be called before there are rows. */
export async function planEarly<Name extends string>(
  store: TestStore,
  statements: Readonly<Record<Name, Planned>>,
): Promise<EarlyPlans<Name>> {
  const execute = (name: Name, args: Args): string => {
    const values = statements[name].parameters.map((key) => {
      const value = args[key];
      return value === undefined ? 'null' : pg.escapeLiteral(value);
    });
    return `execute "${name}" (${values.join(', ')})`;
  };
  for (const name of Object.keys(statements) as Name[]) {
    await store.sql(`prepare "${name}" as ${statements[name].text}`);
    // Which makes the plan.
    await store.sql(`explain ${execute(name, {})}`);
  }
  return {
    touched: async (name, args) =>
      Object.fromEntries(
        await touchedRows(store, { text: execute(name, args), parameters: [] }, {}),
      ),
  };
}
