import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { ask, createTestDatabase } from '../support/postgres.ts';

const COUNT_TABLES = `select count(*)::int from pg_tables where schemaname = 'public'`;

describe('a test database', () => {
  it('has the schema, and is nobody else’s', async () => {
    await using one = await createTestDatabase();
    await using other = await createTestDatabase();
    expect(await ask(one.connection, `select count(*) > 0 from schema_migrations`)).toEqual([true]);
    await ask(one.connection, 'create table only_here ()');
    await expect(ask(other.connection, 'select * from only_here')).rejects.toThrow(
      'does not exist',
    );
  });

  it('has no schema where that is asked for', async () => {
    await using database = await createTestDatabase({ schema: 'empty' });
    expect(await ask(database.connection, COUNT_TABLES)).toEqual([0]);
  });

  it('is named by a URL as well', async () => {
    await using database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query('select current_database()::text as name');
    await client.end();
    expect(rows).toEqual([{ name: database.connection.database }]);
  });

  it('is dropped although somebody is still connected', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client(database.connection);
    // More than one comes: the server's last words, then the broken connection.
    const lost = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await database.close();
    expect(await lost).toMatchObject({ message: expect.stringContaining('terminating') });
    await expect(ask(database.connection, 'select 1')).rejects.toThrow('does not exist');
  });
});
