// Where simulated systems live, one after the other: a database whose connections know their statements
// already, which is most of what a life would cost otherwise.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Database } from '../../../src/store/database.ts';
import { openTestStore, type TestStore } from '../store.ts';

export interface Home extends AsyncDisposable {
  readonly store: TestStore;
  /** One for each control plane. */
  readonly databases: readonly Database[];
  /** For what daemons keep. */
  readonly folder: string;
  /** Takes away everything that a life left behind. */
  clear(): Promise<void>;
}

/** What a new database has rows in, or what belongs to no life. */
const LASTING = ['schema_migrations', 'data_keys', 'users', 'test_clock'];
/** Each has to learn the statements by itself. */
const CONNECTIONS = 4;

export interface Homes {
  /** Waits for one in which nobody lives; it is given back unless the life in it went wrong. */
  lend(live: (home: Home) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** At most so many at once. */
export function createHomes(most: number): Homes {
  const opened: Home[] = [];
  /** Undefined: one that is still to be opened. */
  const free: (Home | undefined)[] = Array.from({ length: most }, () => undefined);
  const waiting: ((home: Home | undefined) => void)[] = [];
  const take = (): Promise<Home | undefined> =>
    free.length > 0 ? Promise.resolve(free.pop()) : new Promise((resolve) => waiting.push(resolve));
  const giveBack = (home: Home | undefined): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(home);
    else next(home);
  };
  const open = async (): Promise<Home> => {
    const home = await openHome();
    opened.push(home);
    return home;
  };
  return {
    lend: async (live) => {
      let healthy: Home | undefined;
      try {
        const home = (await take()) ?? (await open());
        await live(home);
        healthy = home;
      } finally {
        giveBack(healthy);
      }
    },
    close: async () => {
      for (const home of opened) await home[Symbol.asyncDispose]();
    },
  };
}

async function openHome(): Promise<Home> {
  const store = await openTestStore();
  const folder = await mkdtemp(path.join(tmpdir(), 'standby-simulation-'));
  const tables = await store.sql<{ name: string }>(
    `select tablename as name from pg_tables
     where schemaname = 'public' and not (tablename = any ($1))`,
    [LASTING],
  );
  // One statement, so that no row is missed by another one meanwhile.
  const clear = `with ${tables.map(({ name }) => `${name}_gone as (delete from ${name})`).join(', ')}
    delete from users where not is_system`;
  return {
    store,
    databases: [store.open(CONNECTIONS), store.open(CONNECTIONS)],
    folder,
    clear: async () => {
      await store.sql(clear);
      await rm(folder, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
