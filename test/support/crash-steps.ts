// What tests in a crash world do and wait for, as people and daemons would: by asking until it is so.
import { expect } from 'vitest';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CrashWorld } from './crash-world.ts';
import { bodyOfCreated } from './created.ts';
import { until } from './until.ts';

/** Asks for a workspace until there is an answer: the same request gives one. Gives its id. */
export function createWorkspace({ client }: CrashWorld): Promise<string> {
  return until(async () => {
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: 'default' },
      headers: { 'idempotency-key': 'demo' },
      body: { name: 'demo', template: 'world' },
    });
    return bodyOfCreated(answer).workspace.id;
  });
}

/** Gives it a time to live, long enough never to matter: from then on it falls due. */
export async function limitLife({ client }: CrashWorld, workspace: string): Promise<void> {
  await until(() =>
    client.call(workspaceRoutes.updateWorkspace, {
      params: { workspace },
      body: { ttl_seconds: 86_400 },
    }),
  );
}

export async function removeWorkspace({ client }: CrashWorld, workspace: string): Promise<void> {
  await until(async () => {
    const params = { workspace };
    // One that failed is asked for again; while it goes on there is a build in progress.
    await client.call(workspaceRoutes.deleteWorkspace, { params }).catch(() => undefined);
    const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
    expect(body.status).toBe('deleted');
  });
}

/** Nothing is under way any more. */
export async function settled(world: CrashWorld): Promise<void> {
  await until(async () => {
    const [open] = await world.sql(`
      select (select count(*) from jobs where completed_at is null)
        + (select count(*) from stray_states where destroyed_at is null)`);
    expect(Number(open)).toBe(0);
  });
}

/** Everything was destroyed, and nothing works any more. */
export async function emptied(world: CrashWorld): Promise<void> {
  await until(async () => {
    await settled(world);
    expect(await world.objects()).toEqual([]);
  });
  await until(() => expect(world.tools()).toEqual([]));
  expect(await world.unplaced()).toEqual([]);
}

/** The objects that no stored state names. */
export async function forgotten(world: CrashWorld): Promise<readonly string[]> {
  const objects = await world.objects();
  const states = (await world.stored()).join('\n');
  return objects.filter((id) => !states.includes(id));
}
