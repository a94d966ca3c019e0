// The ordinary life of the embedded server: made, stopped, started, found running.
import { appendFile, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/embedded/server.ts';
import { createPlace, type Place } from '../support/embedded-app.ts';
import { ask } from '../support/postgres.ts';

const kit = createKit(silentLog);

describe('an embedded server', () => {
  let place: Place;
  let dataDir: string;
  let server: EmbeddedPostgres;

  beforeAll(async () => {
    place = await createPlace();
    dataDir = place.dataDir();
    server = await startEmbeddedPostgres(kit, { dataDir });
  });

  afterAll(() => place[Symbol.asyncDispose]());

  it('is made by the first start', () => {
    expect(server.outcome).toBe('created');
  });

  it('keeps what was committed, whatever happens to the machine', async () => {
    expect(
      await ask(
        server.connection,
        `select current_setting(name) from unnest('{fsync,full_page_writes,synchronous_commit,data_checksums}'::text[]) name`,
      ),
    ).toEqual(['on', 'on', 'on', 'on']);
  });

  it('orders text alike on every machine', async () => {
    expect(
      await ask(
        server.connection,
        `select pg_encoding_to_char(encoding), datlocprovider::text, datlocale
         from pg_database where datname = current_database()`,
      ),
    ).toEqual(['UTF8', 'b', 'C.UTF-8']);
  });

  it('listens on no port, and on a socket in a folder that others cannot enter', async () => {
    expect(await ask(server.connection, 'show listen_addresses')).toEqual(['']);
    expect((await stat(server.connection.host)).mode & 0o777).toBe(0o700);
  });

  it('gives Standby a role that owns its database and is no superuser', async () => {
    expect(
      await ask(
        server.connection,
        `select current_user::text, pg_get_userbyid(datdba)::text, rolsuper
         from pg_database, pg_roles
         where datname = current_database() and rolname = current_user`,
      ),
    ).toEqual(['standby', 'standby', false]);
    await ask(server.connection, 'create table kept (value text); insert into kept values (1)');
  });

  it('is adopted by a second start', async () => {
    const second = await startEmbeddedPostgres(kit, { dataDir });
    expect(second.outcome).toBe('adopted');
    expect(second.connection).toEqual(server.connection);
  });

  it('stops although sessions are open, and says so to who waits', async () => {
    const client = new pg.Client(server.connection);
    client.on('error', () => undefined); // it is cut off
    await client.connect();
    const exit = server.waitForExit();
    expect(await server.stop()).toBe('stopped');
    await exit;
    await expect(ask(server.connection, 'select 1')).rejects.toThrow(/ENOENT|ECONNREFUSED/);
  });

  it('may be stopped twice', async () => {
    expect(await server.stop()).toBe('stopped');
  });

  it('finds its data when it is started again', async () => {
    server = await startEmbeddedPostgres(kit, { dataDir });
    expect(server.outcome).toBe('started');
    expect(await ask(server.connection, 'select value from kept')).toEqual(['1']);
  });

  it('is stopped by who adopted it', async () => {
    const adopted = await startEmbeddedPostgres(kit, { dataDir });
    expect(await adopted.stop()).toBe('stopped');
    await server.waitForExit();
  });

  it('makes a new password where the old one was lost', async () => {
    const file = path.join(dataDir, 'postgres/password');
    const before = await readFile(file, 'utf8');
    await rm(file);
    server = await startEmbeddedPostgres(kit, { dataDir });
    expect(await ask(server.connection, 'select value from kept')).toEqual(['1']);
    expect(await readFile(file, 'utf8')).not.toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('puts a long log aside when it starts', async () => {
    expect(await server.stop()).toBe('stopped');
    const log = path.join(dataDir, 'postgres/server.log');
    await appendFile(log, 'x'.repeat(1_000_001));
    server = await startEmbeddedPostgres(kit, { dataDir });
    expect((await stat(`${log}.old`)).size).toBeGreaterThan(1_000_000);
    expect(await readFile(log, 'utf8')).toContain('ready to accept connections');
    expect((await stat(log)).size).toBeLessThan(10_000);
  });
});

describe('two starts at once', () => {
  it('of a folder that is empty make one cluster and one server', async () => {
    await using place = await createPlace();
    const dataDir = place.dataDir();
    const servers = await Promise.all([1, 2].map(() => startEmbeddedPostgres(kit, { dataDir })));
    const births = await Promise.all(
      servers.map(({ connection }) => ask(connection, 'select pg_postmaster_start_time()::text')),
    );
    expect(births[1]).toEqual(births[0]);
    expect(servers.filter(({ outcome }) => outcome !== 'adopted')).toHaveLength(1);
  });
});

describe('a start that is given up', () => {
  it.each(['creating', 'starting'] as const)('while %s leaves no server', async (step) => {
    await using place = await createPlace();
    const dataDir = place.dataDir();
    const abort = new AbortController();
    const start = startEmbeddedPostgres(kit, {
      dataDir,
      signal: abort.signal,
      onProgress: ({ kind }) => {
        if (kind === step) abort.abort(new Error('enough'));
      },
    });
    await expect(start).rejects.toThrow('enough');
    const again = await startEmbeddedPostgres(kit, { dataDir });
    expect(again.outcome).toBe(step === 'creating' ? 'created' : 'started');
  });
});
