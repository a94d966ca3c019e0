// Provisioner keys and daemons: as administrators and members see them, and as daemons feel them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDaemonHandlers } from '../../../src/api/daemon/handlers.ts';
import { createJobHandlers } from '../../../src/api/job/handlers.ts';
import { createProvisionerHandlers } from '../../../src/api/provisioner/handlers.ts';
import { createTemplateHandlers } from '../../../src/api/template/handlers.ts';
import { createId, type ProvisionerKeyId } from '../../../src/base/id.ts';
import type { Client } from '../../../src/client/client.ts';
import { daemonRoutes } from '../../../src/contract/daemon/route.ts';
import type { DaemonView } from '../../../src/contract/daemon/schema.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import type { RegisterBody } from '../../../src/contract/provisioner/protocol.ts';
import { provisionerRoutes } from '../../../src/contract/provisioner/route.ts';
import { templateRoutes } from '../../../src/contract/template/route.ts';
import { sweepJobs } from '../../../src/jobs/sweep-jobs.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';
import { runCommandLine, type Ran } from '../../support/command-line.ts';
import { archiveOf, manifestText } from '../../support/pushed-template.ts';
import { SWEEP } from '../../support/queue.ts';

/** Nothing is waited for here. */
const DEAF = { subscribe: () => () => undefined };

let test: TestApi;
let provisioner: ReturnType<typeof createProvisionerHandlers>;
let ann: Client;
let bob: Client;

beforeAll(async () => {
  test = await startTestApi({
    handlers: (deps) => ({
      ...createDaemonHandlers(deps),
      ...createJobHandlers({ ...deps.kit, database: deps.database, bus: DEAF }, { pollMs: 50 }),
      ...createTemplateHandlers(deps, RECONCILER_OPTIONS),
      ...(provisioner = createProvisionerHandlers(
        {
          ...deps,
          bus: DEAF,
          precedence: nothingFirst,
          bootstrapToken: () => 'sba_x',
          accessUrl: 'http://127.0.0.1:1',
        },
        {
          heartbeatIntervalMs: 10_000,
          reportIntervalMs: 15_000,
          logLimitBytes: 1_000_000,
          dispatch: { pollMs: 50, maxCreations: null },
        },
      )),
    }),
  });
  for (const name of ['red', 'blue']) {
    await test.admin.call(peopleRoutes.createOrganization, { body: { name } });
  }
  ann = (await test.person('ann', ['red'])).client;
  bob = (await test.person('bob', ['blue'])).client;
});
afterAll(() => test[Symbol.asyncDispose]());

const makeKey = async (
  organization: string | null,
  tags: Readonly<Record<string, string>> = {},
): Promise<{ readonly id: string; readonly client: Client }> => {
  const { body } = await test.admin.call(daemonRoutes.createProvisionerKey, {
    body: { name: 'a key', organization, tags },
  });
  return { id: body.key.id, client: test.clientWith(body.secret) };
};

const daemonBody = (change: Partial<RegisterBody> = {}): RegisterBody => ({
  protocol_version: 4,
  daemon_id: createId(test.kit),
  registration_id: null,
  name: 'builder',
  machine_id: 'm1',
  drivers: ['null'],
  tools: {},
  tags: {},
  slots: 2,
  version: '1.2.3',
  ...change,
});

const register = async (client: Client, body: RegisterBody): Promise<number> =>
  (await client.call(provisionerRoutes.registerDaemon, { body })).body.incarnation;

const acquire = async (client: Client, daemon: string, incarnation: number) => {
  const input = { params: { daemon }, body: { incarnation, wait_ms: 0 } };
  return (await client.call(provisionerRoutes.acquireJob, input)).body;
};

/** Queues an import in the organization. */
const push = async (organization: string, template: string): Promise<string> => {
  const { body } = await test.admin.call(templateRoutes.pushVersion, {
    params: { organization, template },
    query: {},
    body: archiveOf(manifestText(template)),
  });
  return body.import_job.id;
};

const seenBy = async (client: Client, organization?: string): Promise<readonly DaemonView[]> =>
  (await client.call(daemonRoutes.listDaemons, { query: { organization } })).body.items;

const cli = (...argv: readonly string[]): Promise<Ran> =>
  runCommandLine(...argv, '--url', test.url, '--token', test.adminToken);

describe('a provisioner key', () => {
  it('is made, listed and revoked by administrators alone', async () => {
    const denied = { code: 'FORBIDDEN' };
    const body = { name: 'mine', organization: 'red' };
    await expect(ann.call(daemonRoutes.createProvisionerKey, { body })).rejects.toMatchObject(
      denied,
    );
    await expect(ann.call(daemonRoutes.listProvisionerKeys, { query: {} })).rejects.toMatchObject(
      denied,
    );
    const { id } = await makeKey('red');
    await expect(
      ann.call(daemonRoutes.revokeProvisionerKey, { params: { key: id } }),
    ).rejects.toMatchObject(denied);
  });

  it('is stored as a hash alone, and named with an organization that there is', async () => {
    const { body } = await test.admin.call(daemonRoutes.createProvisionerKey, {
      body: { name: 'eu', organization: 'red', tags: { zone: 'eu' } },
    });
    expect(body.secret).toMatch(/^sbp_[\w-]{43}$/);
    expect(body.key).toMatchObject({ name: 'eu', organization: 'red', tags: { zone: 'eu' } });
    const rows = await test.sql('select row_to_json(k)::text from provisioner_keys k');
    expect(JSON.stringify(rows)).not.toContain(body.secret.slice(4));
    await expect(
      test.admin.call(daemonRoutes.createProvisionerKey, {
        body: { name: 'x', organization: 'green' },
      }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', detail: 'there is no organization "green"' });
  });

  it('opens nothing once it is revoked, and is listed no more', async () => {
    const { id, client } = await makeKey('red');
    const body = daemonBody();
    const incarnation = await register(client, body);
    const listed = async (): Promise<readonly string[]> => {
      const { body: page } = await test.admin.call(daemonRoutes.listProvisionerKeys, {
        query: { organization: 'red' },
      });
      return page.items.map((key) => `${key.id} ${key.daemons_online}`);
    };
    expect(await listed()).toContain(`${id} 1`);
    const revoke = () =>
      test.admin.call(daemonRoutes.revokeProvisionerKey, { params: { key: id } });
    await revoke();
    await expect(acquire(client, body.daemon_id, incarnation)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      hint: 'Make a key with `standby provisioner key create`, and start the daemon with it.',
    });
    expect((await listed()).join()).not.toContain(id);
    await expect(revoke()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('loses what its daemons hold when it is revoked, at the next sweep', async () => {
    const { id, client } = await makeKey('red');
    const body = daemonBody({ name: 'holder' });
    const incarnation = await register(client, body);
    const jobId = await push('red', 'held');
    expect(await acquire(client, body.daemon_id, incarnation)).toMatchObject({ id: jobId });
    await test.admin.call(daemonRoutes.revokeProvisionerKey, { params: { key: id } });

    const [shown] = await seenBy(ann, 'red');
    expect(shown).toMatchObject({ name: 'holder', status: 'revoked', free_slots: 0 });
    expect(shown?.jobs).toMatchObject([{ id: jobId, status: 'running' }]);
    const swept = await sweepJobs({ ...test.kit, database: test.database }, SWEEP);
    expect(swept).toMatchObject({ hung: [], revoked: [jobId] });
    // An import is safe to repeat.
    const { body: job } = await ann.call(jobRoutes.getJob, { params: { job: jobId } });
    expect(job).toMatchObject({ status: 'pending', attempt: 1, daemon: null });
    expect((await seenBy(ann, 'red'))[0]?.jobs).toEqual([]);
    await test.sql(
      'update jobs set canceled_at = standby_now(), completed_at = standby_now() where id = $1',
      [jobId],
    );
  });

  it('registers no daemon for a process that hung up before its turn', async () => {
    const { id, client } = await makeKey('red');
    const body = daemonBody();
    const incarnation = await register(client, body);
    const late = provisioner.registerDaemon({
      caller: { keyId: id as ProvisionerKeyId, organizationId: null, tags: {} },
      body,
      signal: AbortSignal.abort(new Error('it hung up')),
    });
    await expect(late).rejects.toThrow('it hung up');
    expect(await acquire(client, body.daemon_id, incarnation)).toBeNull();
  });

  it('can be replaced by another of the same organization, once it is revoked', async () => {
    const former = await makeKey('red');
    const next = await makeKey('red');
    const foreign = await makeKey('blue');
    const body = daemonBody();
    await register(former.client, body);
    await expect(register(next.client, body)).rejects.toMatchObject({ code: 'DAEMON_ID_TAKEN' });
    await test.admin.call(daemonRoutes.revokeProvisionerKey, { params: { key: former.id } });
    await expect(register(foreign.client, body)).rejects.toMatchObject({ code: 'DAEMON_ID_TAKEN' });
    expect(await register(next.client, body)).toBe(2);
  });
});

describe('the list of daemons', () => {
  it('shows what a daemon offers and works on, to those whose organizations it serves', async () => {
    const { id, client } = await makeKey('red', { zone: 'eu' });
    const body = daemonBody({
      name: 'offering',
      drivers: ['null', 'terraform'],
      tools: { terraform: 'OpenTofu 1.10.5' },
      tags: { zone: 'us', gpu: 'yes' },
      slots: 3,
    });
    const incarnation = await register(client, body);
    const jobId = await push('red', 'shown');
    await acquire(client, body.daemon_id, incarnation);

    const shown = (await seenBy(ann)).find(({ name }) => name === 'offering');
    expect(shown).toMatchObject({
      id: body.daemon_id,
      status: 'online',
      organization: 'red',
      key: { id, name: 'a key' },
      drivers: ['null', 'terraform'],
      tools: { terraform: 'OpenTofu 1.10.5' },
      // What the key says wins.
      tags: { zone: 'eu', gpu: 'yes' },
      version: '1.2.3',
      protocol_version: 4,
      machine_id: 'm1',
      slots: 3,
      free_slots: 2,
      jobs: [{ id: jobId, subject: 'import shown v1', daemon: 'offering' }],
    });
    expect((await seenBy(bob)).map(({ name }) => name)).not.toContain('offering');
    await expect(seenBy(bob, 'red')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { client: lonely } = await test.person('lonely');
    expect(await seenBy(lonely)).toEqual([]);
  });

  it('shows one that serves all to everybody, with the jobs that each may see', async () => {
    const { client } = await makeKey(null);
    const body = daemonBody({ name: 'everywhere', slots: 2 });
    const incarnation = await register(client, body);
    await push('red', 'here');
    await push('blue', 'there');
    await acquire(client, body.daemon_id, incarnation);
    await acquire(client, body.daemon_id, incarnation);
    const subjects = async (client: Client, organization?: string): Promise<readonly string[]> => {
      const found = (await seenBy(client, organization)).find(({ name }) => name === 'everywhere');
      expect(found).toMatchObject({ organization: null, free_slots: 0 });
      return (found?.jobs ?? []).map(({ subject }) => subject);
    };
    expect(await subjects(ann)).toEqual(['import here v1']);
    expect(await subjects(bob)).toEqual(['import there v1']);
    expect(await subjects(test.admin)).toEqual(['import here v1', 'import there v1']);
    expect(await subjects(test.admin, 'blue')).toEqual(['import there v1']);
  });

  it('shows one as offline that was not seen for a minute', async () => {
    const { client } = await makeKey('blue');
    const { daemon_id: id } = daemonBody();
    await register(client, daemonBody({ daemon_id: id, name: 'away' }));
    await test.sql(
      `update daemons set last_seen_at = last_seen_at - interval '61 seconds' where id = $1`,
      [id],
    );
    const shown = (await seenBy(bob)).find(({ name }) => name === 'away');
    expect(shown).toMatchObject({ status: 'offline', free_slots: 0 });
  });
});

describe('the command line', () => {
  it('prints a new key alone, lists it, and revokes it', async () => {
    const made = await cli(
      ...['provisioner', 'key', 'create', 'berlin', '--org', 'red', '--tags', 'zone=eu,gpu=no'],
    );
    expect(made).toMatchObject({ status: 0, err: '' });
    expect(made.out).toMatch(/^sbp_[\w-]{43}\n$/);
    await register(
      test.clientWith(made.out.trim()),
      daemonBody({
        name: 'berlin-1',
        drivers: ['null', 'terraform'],
        tools: { terraform: 'Terraform 1.14.0' },
      }),
    );

    const listed = await cli('provisioner', 'key', 'list', '--org', 'red');
    const line = listed.out.split('\n').find((text) => text.includes('berlin'));
    expect(line).toMatch(/^[\w-]{36} {2}berlin {2,}red {2,}gpu=no, zone=eu {2,}1 /);
    const id = line?.split(' ')[0] ?? '';

    const daemons = await cli('provisioner', 'list', '--org', 'red');
    expect(daemons.out).toMatch(/^NAME +STATE +ORGANIZATION +DRIVERS +TAGS +FREE +WORKS ON/);
    expect(daemons.out).toMatch(
      /\nberlin-1 +online +red +null, terraform \(Terraform 1\.14\.0\) +gpu=no, zone=eu +2 of 2 +- +1\.2\.3 +4 +m1 +\d+s ago\n/,
    );
    expect(await cli('provisioner', 'key', 'revoke', id)).toMatchObject({
      status: 0,
      out: `Revoked provisioner key ${id}.\n`,
    });
    expect((await cli('provisioner', 'list', '--org', 'red')).out).toMatch(/\nberlin-1 +revoked/);
  });

  it('makes a key for the whole site when asked, and refuses what contradicts itself', async () => {
    const made = await cli('provisioner', 'key', 'create', 'shared', '--site', '--json');
    expect(JSON.parse(made.out)).toMatchObject({ key: { organization: null, tags: {} } });
    const both = await cli('provisioner', 'key', 'create', 'x', '--site', '--org', 'red');
    expect(both).toMatchObject({ status: 64, out: '' });
    const tags = await cli('provisioner', 'key', 'create', 'x', '--site', '--tags', 'zone');
    expect(tags.err).toBe(
      'error: --tags is "zone" (USAGE)\nhint: Write key=value pairs with commas between them, each key once.\n',
    );
  });
});
