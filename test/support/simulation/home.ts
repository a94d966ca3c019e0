// Where simulated systems live, one after the other: a database whose connections know their statements
// already, which is most of what a life would cost otherwise.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { silentLog } from '../../../src/base/log.ts';
import type { ConnectionParts, Database } from '../../../src/store/database.ts';
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
/** What is dead costs next to nothing until then, and each makes all connections plan their statements anew. */
const LIVES_PER_VACUUM = 50;
/** Each has to learn the statements by itself. */
const CONNECTIONS = 4;

export interface Homes {
  /** Waits for one in which nobody lives; it is given back when nothing was violated in it. */
  lend(live: (home: Home) => Promise<readonly string[]>): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface HomesOptions {
  /** As many as there are at once. */
  readonly most: number;
  readonly server: ConnectionParts;
}

export function createHomes({ most, server }: HomesOptions): Homes {
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
    const home = await openHome(server);
    opened.push(home);
    return home;
  };
  return {
    lend: async (live) => {
      let healthy: Home | undefined;
      try {
        const home = (await take()) ?? (await open());
        const violations = await live(home);
        if (violations.length === 0) healthy = home;
        return violations;
      } finally {
        giveBack(healthy);
      }
    },
    close: async () => {
      for (const home of opened) await home[Symbol.asyncDispose]();
    },
  };
}

async function openHome(server: ConnectionParts): Promise<Home> {
  const opened = await openTestStore(silentLog, server);
  // A look of it at tables makes all statements about them be planned anew, on every connection.
  await opened.sql(`
    do $$ declare name text; begin
      for name in select tablename from pg_tables where schemaname = 'public' loop
        execute format('alter table %I set (autovacuum_enabled = off)', name);
      end loop;
    end $$`);
  // Connections that are there already go on as before.
  const store = { ...opened, database: opened.open(CONNECTIONS) };
  const folder = await mkdtemp(path.join(tmpdir(), 'standby-simulation-'));
  const tables = await store.sql<{ name: string }>(
    `select tablename as name from pg_tables
     where schemaname = 'public' and not (tablename = any ($1))`,
    [LASTING],
  );
  // One statement, so that no row is missed by another one meanwhile.
  const clear = `with ${tables.map(({ name }) => `${name}_gone as (delete from ${name})`).join(', ')}
    delete from users where not is_system`;
  let lives = 0;
  return {
    store,
    databases: [store.open(CONNECTIONS), store.open(CONNECTIONS)],
    folder,
    clear: async () => {
      await store.sql(clear);
      lives += 1;
      if (lives % LIVES_PER_VACUUM === 0) await store.sql('vacuum');
      await rm(folder, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
