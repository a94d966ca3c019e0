// Those who watch an installation: Prometheus, and an operator with `standby doctor`.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInstallation, type Installation } from '../support/installation.ts';
import { ask, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runBin, startProgram, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

let installation: Installation;
let second: Program | undefined;
afterEach(async () => {
  await second?.end('SIGKILL');
  second = undefined;
  await installation.remove();
});

const inFolder = (name: string): Promise<string> =>
  readFile(path.join(installation.dataDir, name), 'utf8');

async function doctor(environment: Readonly<Record<string, string>> = {}): Promise<{
  readonly status: number | null;
  readonly report: { readonly findings: readonly { readonly id: string }[] };
}> {
  const argv = ['doctor', '--data-dir', installation.dataDir, '--json'];
  const { status, out, err } = await runBin(argv, { environment });
  return { status, report: JSON.parse(status === 0 || status === 1 ? out : err) as never };
}

async function scrape(url: string): Promise<Readonly<Record<string, number>>> {
  const token = (await inFolder('metrics.token')).trim();
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  const lines = (await answer.text()).split('\n').filter((line) => /^\w/.test(line));
  return Object.fromEntries(
    lines.map((line) => [line.replace(/ [^ ]*$/, ''), Number(line.split(' ').at(-1))]),
  );
}

const create = (): Promise<unknown> =>
  runBin(['create', 'mine', '--template', 'hello', '--json'], {
    environment: { STANDBY_DATA_DIR: installation.dataDir },
  });

describe('an installation with its embedded database', () => {
  beforeEach(async () => {
    installation = await createInstallation();
  });

  it('is healthy while it runs, after a claim, after a kill, and when it does not run', async () => {
    await installation.up();
    await create();
    expect(await doctor()).toMatchObject({ status: 0, report: { healthy: true, findings: [] } });
    installation.killEverything();
    expect(await doctor()).toMatchObject({ status: 0, report: { healthy: true, findings: [] } });
    expect(installation.processes()).toEqual([]);
  });

  it('has to be there', async () => {
    const { status, report } = await doctor();
    expect(status).toBe(78);
    expect(report).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `there is no installation in ${installation.dataDir}`,
    });
  });
});

describe('two control planes on one database', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase({ schema: 'empty' });
    installation = await createInstallation({
      environment: { STANDBY_DATABASE_URL: database.url },
    });
  });
  afterEach(() => database.close());

  it('count alike, measure on their own, and are examined without either', async () => {
    await installation.up();
    await create();
    const { url } = JSON.parse(await inFolder('credentials.json')) as { readonly url: string };
    // The claimed one's agent has taken its owner over.
    await until(async () =>
      expect(await scrape(url)).toMatchObject({ standby_claim_to_ready_seconds_count: 1 }),
    );
    second = startProgram(
      ['server', '--http-port', '0', '--data-dir', path.join(installation.dataDir, 'second')],
      {
        environment: {
          STANDBY_DATABASE_URL: database.url,
          STANDBY_SECRET_KEY_FILE: path.join(installation.dataDir, 'secret.key'),
          STANDBY_METRICS_TOKEN_FILE: path.join(installation.dataDir, 'metrics.token'),
        },
      },
    );
    const said = await second.until('Standby serves at');
    const [, other = ''] = /serves at (\S+)/.exec(said) ?? [];
    const series = 'organization="default",template="hello",preset="default"';
    const later = await until(async () => {
      const seen = await scrape(other);
      expect(seen).toMatchObject({ [`standby_prebuilds_claimed_total{${series}}`]: 1 });
      return seen;
    });
    expect(later).toMatchObject({
      [`standby_prebuilds_desired{${series}}`]: 2,
      standby_claim_duration_seconds_count: 0,
    });
    expect(await scrape(url)).toMatchObject({
      standby_claim_duration_seconds_count: 1,
      'standby_provisioner_job_queue_wait_seconds_count{class="4"}': expect.any(Number),
      standby_prebuild_creation_duration_seconds_count: expect.any(Number),
    });

    const away = { STANDBY_DATABASE_URL: database.url };
    await installation.interrupt();
    expect(await second.end('SIGTERM')).toBe(0);
    expect(await doctor(away)).toMatchObject({ status: 0, report: { findings: [] } });
    await ask(database.connection, 'delete from judged_builds');
    await ask(
      database.connection,
      `delete from pool_members where workspace_id = (select min(workspace_id::text)::uuid from pool_members)`,
    );
    const { status, report } = await doctor(away);
    expect(status).toBe(1);
    expect(report.findings.map(({ id }) => id)).toEqual(['member.missing', 'judged.missing']);
    await ask(database.connection, "delete from schema_migrations where name like '0013%'");
    expect((await doctor(away)).report.findings.map(({ id }) => id)).toEqual(['schema.behind']);
  });
});
