import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import path from 'node:path';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDatabase, type Database } from '../../src/store/database.ts';
import { migrate, readMigrations, type Migration } from '../../src/store/migrate.ts';
import { ask, createTestDatabase, type TestDatabase } from '../support/postgres.ts';

const FOLDER = path.join(import.meta.dirname, '../../migrations');
const kit = createKit(silentLog);
let migrations: readonly Migration[];
let empty: TestDatabase;
/** One connection pool each, as of so many processes. */
let processes: readonly Database[];

beforeAll(async () => {
  migrations = await readMigrations(FOLDER);
});
beforeEach(async () => {
  empty = await createTestDatabase({ schema: 'empty' });
  processes = Array.from({ length: 4 }, () =>
    createDatabase(kit, {
      connection: empty.connection,
      maxConnections: 2,
      applicationName: 'test',
    }),
  );
  return async () => {
    await Promise.all(processes.map((each) => each.close()));
    await empty.close();
  };
});

const first = (): Database => processes[0]!;
const names = (some: readonly Migration[]): readonly string[] => some.map(({ name }) => name);
const applied = () => ask(empty.connection, 'select name from schema_migrations order by name');
const added: Migration = { name: '9999_add.sql', checksum: 'x', sql: 'create table added ()' };

describe('migrating', () => {
  it('from four processes at once applies every file once', async () => {
    const results = await Promise.all(processes.map((each) => migrate(each, migrations)));
    expect(results.flatMap((result) => result.applied)).toEqual(names(migrations));
    expect(await applied()).toEqual(names(migrations));
    expect(await ask(empty.connection, 'select is_system from users')).toEqual([true]);
  });

  it('again changes nothing, and later applies only what was added', async () => {
    await migrate(first(), migrations);
    expect(await migrate(first(), migrations)).toEqual({ applied: [] });
    expect(await migrate(first(), [...migrations, added])).toEqual({ applied: [added.name] });
  });

  it('goes on where a file failed, of which nothing is left', async () => {
    const broken = { ...added, sql: 'create table added (); select 1 / 0' };
    await expect(migrate(first(), [...migrations, broken])).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(broken.name) as string,
    });
    expect(await applied()).toEqual(names(migrations));
    expect(await migrate(first(), [...migrations, added])).toEqual({ applied: [added.name] });
  });

  it('refuses a database of a newer version, and changes nothing', async () => {
    await migrate(first(), [...migrations, added]);
    const older = [...migrations, { ...added, name: '9998_other.sql' }];
    await expect(migrate(first(), older)).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      message: expect.stringContaining(added.name) as string,
    });
    expect(await applied()).toEqual(names([...migrations, added]));
  });

  it('refuses a file that was changed after it was applied, and changes nothing', async () => {
    await migrate(first(), [...migrations, added]);
    const changed = [...migrations, { ...added, checksum: 'y' }, { ...added, name: '9999_b.sql' }];
    await expect(migrate(first(), changed)).rejects.toMatchObject({ code: 'SCHEMA_CHANGED' });
    expect(await applied()).toEqual(names([...migrations, added]));
  });
});
