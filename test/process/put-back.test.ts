// An old copy of the stopped data folder is put back: the database and the daemon's folder go back in
// time together, and what was made and claimed meanwhile lives on without them.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';
import { MARK } from '../../src/provisioner/drivers/process/processes.ts';
import { findMarked } from '../../src/provisioner/marked-process.ts';
import { until } from '../support/until.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { ask } from '../support/postgres.ts';
import { bodyOfCreated } from '../support/created.ts';

let installation: Installation;
let scratch: string;

beforeEach(async () => {
  installation = await createInstallation({
    environment: { STANDBY_PROVISIONER_DRIVERS: 'process' },
  });
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-copy-'));
}, 60_000);

afterEach(async () => {
  await installation.remove();
  await rm(scratch, { recursive: true, force: true });
  await until(() => expect(installation.processes()).toEqual([]));
}, 120_000);

describe('an old copy of the data folder that is put back', () => {
  it(
    'hands nothing to a second person, and what it does not know is found',
    { timeout: 240_000 },
    async () => {
      await installation.up();
      let admin = await installation.client();
      await until(async () => expect(await eligible(admin)).toBe(2));
      const token = await makePerson(admin, 'bob');
      await installation.interrupt();
      await copyAsOfAnHourAgo();

      await installation.up();
      admin = await installation.client();
      await until(async () => expect(await eligible(admin)).toBe(2));
      const hers = await claim(admin, 'hers');
      expect(hers.claimed).toBe(true);
      await until(async () => expect(await page(admin, hers)).toContain('Hello, Administrator!'));
      // What takes the place of the claimed one is not in the copy.
      await until(async () => {
        expect(await eligible(admin)).toBe(2);
        expect(livingWorkspaces()).toHaveLength(3);
      });
      await installation.interrupt();
      await rename(installation.dataDir, path.join(scratch, 'since'));
      copyFolder(path.join(scratch, 'copy'), installation.dataDir);

      await installation.up();
      admin = await installation.client();
      // As soon as its daemon has reported, or its agent is heard.
      await until(async () => {
        const params = { workspace: hers.workspace.id };
        const { body } = await admin.call(workspaceRoutes.getWorkspace, { params, query: {} });
        expect(body.status).toBe('deleted');
      });
      const bob = createClient({ url: admin.url, token });
      const his = await Promise.all(['one', 'two', 'three'].map((name) => claim(bob, name)));
      expect(his.map(({ workspace }) => workspace.id)).not.toContain(hers.workspace.id);
      for (const one of his) {
        await until(async () => expect(await page(bob, one)).toMatch(/Hello, bob!/i));
      }
      // Nobody's any more: hers, whose claim is forgotten, and the one that took its place.
      await until(async () => {
        expect(await eligible(admin)).toBe(2);
        const { body } = await admin.call(workspaceRoutes.listWorkspaces, {
          query: { owner: 'all', template: 'hello' },
        });
        const ids = body.items.filter(({ status }) => status !== 'deleted').map(({ id }) => id);
        expect(livingWorkspaces()).toEqual([...ids].sort());
        expect([...(await installation.folders())].sort()).toEqual([...ids].sort());
        expect(ids).not.toContain(hers.workspace.id);
      });
    },
  );
});

/** As docs/embedded-postgresql.md says it. */
function copyFolder(from: string, to: string): void {
  execFileSync('cp', ['-aT', from, to]);
}

/** The signs of life in it are as old. */
async function copyAsOfAnHourAgo(): Promise<void> {
  const kit = createKit(silentLog);
  const postgres = await startEmbeddedPostgres(kit, { dataDir: installation.dataDir });
  await ask(
    postgres.connection,
    `update agents set last_seen_at = last_seen_at - interval '1 hour'`,
  );
  await postgres.stop();
  copyFolder(installation.dataDir, path.join(scratch, 'copy'));
}

/** Ids of the workspaces whose processes live. */
function livingWorkspaces(): readonly string[] {
  const { outside } = findMarked(MARK, (folder) => folder.startsWith(installation.dataDir));
  return [...outside.keys()].map((folder) => path.basename(folder)).sort();
}

async function makePerson(admin: Client, username: string): Promise<string> {
  await admin.call(peopleRoutes.createUser, { body: { username, organizations: ['default'] } });
  const made = await admin.call(peopleRoutes.createToken, { body: { name: 'test', username } });
  return made.body.secret;
}

async function claim(client: Client, name: string): Promise<CreateWorkspaceAnswer> {
  const answer = await client.call(workspaceRoutes.createWorkspace, {
    params: { organization: 'default' },
    headers: { 'idempotency-key': name },
    body: { name, template: 'hello' },
  });
  return bodyOfCreated(answer);
}

async function page(client: Client, { workspace }: CreateWorkspaceAnswer): Promise<string> {
  const params = { workspace: workspace.id };
  const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
  return (await fetch(body.outputs['url'] ?? '')).text();
}

async function eligible(client: Client): Promise<number | undefined> {
  const params = { organization: 'default', template: 'hello', preset: 'default' };
  return (await client.call(poolRoutes.getPool, { params })).body.state?.eligible;
}
