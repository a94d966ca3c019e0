// What a database says that cannot be used as it is configured: a code, and never a stack.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDatabase, type ConnectionParts, type Database } from '../../src/store/database.ts';
import { migrate, readMigrations } from '../../src/store/migrate.ts';
import { ping } from '../../src/store/ping.ts';
import { checkServerVersion } from '../../src/store/server-version.ts';
import { createCutOff } from '../support/cut-off.ts';
import { createManualClock, settle } from '../support/manual-clock.ts';
import { ask, createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const kit = createKit(silentLog);
const NAME = `refusal_${randomBytes(6).toString('hex')}`;
let server: ConnectionParts;
let database: TestDatabase;

beforeAll(async () => {
  server = inject('postgres').connection;
  database = await createTestDatabase({ schema: 'empty' });
  await ask(
    server,
    `create database ${NAME} encoding 'LATIN1' locale 'C' template template0 strategy file_copy`,
  );
});
afterAll(async () => {
  await ask(server, `drop database ${NAME} with (force)`);
  await database.close();
});

async function withDatabase<T>(
  connection: ConnectionParts | string,
  work: (opened: Database) => Promise<T>,
): Promise<T> {
  const opened = createDatabase(kit, { connection, maxConnections: 2, applicationName: 'test' });
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

describe('a database', () => {
  it.each<[string, (right: ConnectionParts) => ConnectionParts, RegExp]>([
    ['with another password', (right) => ({ ...right, password: 'x' }), /password authentication/],
    ['of another user', (right) => ({ ...right, user: 'nobody' }), /"nobody"/],
    ['that does not exist', (right) => ({ ...right, database: 'none' }), /"none" does not exist/],
  ])('%s is refused with the words of PostgreSQL', async (_what, change, words) => {
    await withDatabase(change(server), async (opened) => {
      await expect(ping(opened)).rejects.toMatchObject({
        code: 'DATABASE_REFUSED',
        detail: expect.stringMatching(words),
      });
    });
  });

  it('that needs TLS where the server has none is refused', async () => {
    const url = `${database.url}&sslmode=verify-full`;
    await withDatabase(url, (opened) =>
      expect(ping(opened)).rejects.toMatchObject({ code: 'DATABASE_REFUSED' }),
    );
  });

  it('whose certificate cannot be read is no database that is down', () => {
    const connection = `${database.url}&sslrootcert=/nowhere/ca.pem`;
    expect(() =>
      createDatabase(kit, { connection, maxConnections: 2, applicationName: 'test' }),
    ).toThrow(/^CONFIG_INVALID: the address of the database cannot be used: .*ca\.pem/);
  });

  it('that is not in UTF-8 is not supported', async () => {
    await withDatabase({ ...server, database: NAME }, (opened) =>
      expect(checkServerVersion(opened)).rejects.toMatchObject({
        code: 'DATABASE_UNSUPPORTED',
        detail: 'the encoding of the database is LATIN1',
      }),
    );
  });
});

describe('a database that does not answer any more', () => {
  it('keeps nobody from closing what is open, in use or not', async () => {
    await using way = await createCutOff();
    const connection = way.through(database.connection);
    await way.mend();
    const clock = createManualClock();
    const options = { connection, maxConnections: 2, applicationName: 'test' };
    const opened = createDatabase({ ...kit, clock }, options);
    const listening = await opened.connect();
    const lost = new Promise((resolve) => listening.once('end', resolve));
    await Promise.all([ping(opened), ping(opened)]);
    way.freeze();
    const asked = ping(opened);
    asked.catch(() => undefined); // looked at below
    await settle();
    const closed = opened.close();
    await expect.poll(() => clock.sleeping()).toBe(1);
    await clock.advance(60_000);
    await closed;
    await expect(asked).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await lost;
  });
});

describe('a connection that is lost', () => {
  it.each<[string, (opened: Database, cut: () => Promise<void>) => Promise<unknown>]>([
    [
      'between the statements of a transaction',
      (opened, cut) =>
        opened.transaction(async (tx) => {
          await ping(tx);
          await cut();
          await ping(tx);
        }),
    ],
    [
      'while the schema is migrated',
      async (opened, cut) => {
        const [first] = await readMigrations('migrations');
        if (first === undefined) throw new Error('there are migrations');
        const slow = { ...first, sql: 'select pg_sleep(600)' };
        const migrated = migrate(opened, [slow]);
        migrated.catch(() => undefined); // looked at by the test
        await expect
          .poll(() => ask(database.connection, 'select query from pg_stat_activity'))
          .toContain(slow.sql);
        await cut();
        return migrated;
      },
    ],
  ])('%s is a database that is unavailable', async (_when, work) => {
    await using way = await createCutOff();
    const through = way.through(database.connection);
    await way.mend();
    await withDatabase(through, (opened) =>
      expect(work(opened, () => way.cut())).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
      }),
    );
  });
});
