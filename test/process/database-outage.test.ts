// A database that comes late, goes away and comes back, under the whole of `standby up`: nothing ends,
// what is asked meanwhile is told so, and everything goes on by itself.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/app-error.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRng } from '../../src/base/random.ts';
import type { Client } from '../../src/client/client.ts';
import { promoteVersion } from '../../src/client/promote-version.ts';
import { pushTemplate } from '../../src/client/push-template.ts';
import { healthRoutes } from '../../src/contract/health.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import { createCutOff, type CutOff } from '../support/cut-off.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { createTestDatabase, urlOf, type TestDatabase } from '../support/postgres.ts';
import { runBin } from '../support/program.ts';
import { entry, gz } from '../support/tar-bytes.ts';
import { bodyOfCreated } from '../support/created.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let way: CutOff;
let installation: Installation;
let client: Client;

beforeEach(async () => {
  database = await createTestDatabase({ schema: 'empty' });
  way = await createCutOff();
  // The way is not there yet: a server that has not been started.
  const STANDBY_DATABASE_URL = urlOf(way.through(database.connection));
  installation = await createInstallation({ environment: { STANDBY_DATABASE_URL } });
});

afterEach(async () => {
  await installation.remove();
  await way[Symbol.asyncDispose]();
  await database.close();
});

/** A pool whose workspaces are made in no time: what takes time here is the outage. */
async function fillPool(instances: number): Promise<void> {
  const manifest = `name: quick\ndriver: "null"\npresets: [{name: p, prebuilds: {instances: ${instances}}}]\n`;
  const template = { organization: 'default', template: 'quick' };
  const archive = gz(entry('standby.yaml', manifest));
  const { signal } = new AbortController();
  const pushed = { ...template, archive };
  const { name } = await pushTemplate({ client, clock: systemClock, rng: systemRng }, pushed, {
    signal,
  });
  const promoted = { ...template, version: name };
  await promoteVersion({ client, clock: systemClock }, promoted, { signal });
  await until(async () => expect(await eligible()).toBe(instances));
}

const claim = async (name: string): Promise<CreateWorkspaceAnswer> => {
  const answer = await client.call(workspaceRoutes.createWorkspace, {
    params: { organization: 'default' },
    headers: { 'idempotency-key': name },
    body: { name, template: 'quick' },
  });
  return bodyOfCreated(answer);
};

const eligible = async (): Promise<number | undefined> => {
  const params = { organization: 'default', template: 'quick', preset: 'p' };
  return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
};

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('a database', () => {
  it('that comes late, goes away while the pools fill, and while they serve, is outlasted', async () => {
    const { program, ready } = installation.launch();
    ready.catch(() => undefined); // looked at below
    await program.until('PostgreSQL      waiting: PostgreSQL could not be used: connect ENOENT');
    await way.mend();
    await program.until('hello/default: 0 of 2 ready');
    await way.cut();
    await program.until('control plane   waiting: PostgreSQL could not be used');
    await way.mend();
    await ready;
    client = await installation.client();

    await fillPool(2);
    const first = await claim('first');
    await way.cut();
    // Asked while it is away: told so at once, each in the same way, and health tells who is ill.
    const asked = await Promise.all([
      codeOf(client.call(peopleRoutes.whoami, {})),
      codeOf(claim('refused')),
      codeOf(eligible()),
      codeOf(client.call(healthRoutes.readyz, {})),
      codeOf(client.call(healthRoutes.healthz, {})),
    ]);
    expect(asked).toEqual([...Array.from({ length: 4 }, () => 'DATABASE_UNAVAILABLE'), 'answered']);
    const answer = await fetch(`${client.url}/readyz`);
    expect({ status: answer.status, after: answer.headers.get('retry-after') }).toEqual({
      ...{ status: 503, after: '1' },
    });
    // The command line insists: what it was told to do is done when the database is back.
    const environment = { STANDBY_DATA_DIR: installation.dataDir };
    const insisting = runBin(['create', 'second', '-t', 'quick', '--json'], { environment });
    await way.mend();
    const second = JSON.parse((await insisting).out) as CreateWorkspaceAnswer;
    expect(second).toMatchObject({ claimed: true, workspace: { name: 'second', usable: true } });

    // Jobs and the loop go on by themselves: the pool is full again, and nothing is lost.
    await until(async () => expect(await eligible()).toBe(2));
    const { body } = await client.call(workspaceRoutes.listWorkspaces, { query: {} });
    expect(body.items.map(({ id }) => id).sort()).toEqual(
      [first.workspace.id, second.workspace.id].sort(),
    );
  });

  it('that goes away in the middle of claims gives each a workspace in the end, and none twice', async () => {
    await way.mend();
    await installation.up();
    client = await installation.client();
    await fillPool(6);
    const names = Array.from({ length: 6 }, (_, n) => `demo-${n}`);
    const answered = new Map<string, string>();
    const claimAll = (): Promise<readonly string[]> =>
      Promise.all(
        names.map((name) =>
          codeOf(
            claim(name).then(({ workspace }) => {
              const before = answered.get(name) ?? workspace.id;
              expect(workspace.id).toBe(before);
              answered.set(name, workspace.id);
            }),
          ),
        ),
      );
    const claims = claimAll();
    await way.cut();
    for (const code of await claims) expect(['answered', 'DATABASE_UNAVAILABLE']).toContain(code);
    await way.mend();
    // Asked again with the same keys: whether the first try was carried out or not, there is one.
    await until(async () => expect(await claimAll()).toEqual(names.map(() => 'answered')));
    expect(new Set(answered.values()).size).toBe(names.length);
    const { body } = await client.call(workspaceRoutes.listWorkspaces, { query: {} });
    expect(body.items.map(({ id }) => id).sort()).toEqual([...answered.values()].sort());
  });
});
