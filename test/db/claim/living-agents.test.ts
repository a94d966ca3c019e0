// Agents as they are shipped, alive and not at the control plane at the very moment of a claim: none of what they
// look after is taken for dead.
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { Manifest } from '../../../src/contract/manifest/schema.ts';
import type { CreateWorkspaceAnswer } from '../../../src/contract/workspace/schema.ts';
import {
  fillWithAgents,
  kill,
  startReplica,
  stopReplica,
  tokenOf,
  type Replica,
} from '../../support/claiming-replicas.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { buildPrograms, type Programs } from '../../support/programs.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const COUNT = 4;
const MAIN = {
  ...{ name: 'main', startup: null, on_claim: null },
  ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
};

let store: TestStore;
let make: Factory;
let programs: Programs;
let folder: TemporaryFolder;
let replica: Replica;
let agents: ReadonlyMap<WorkspaceId, ChildProcess> = new Map();

beforeAll(async () => {
  programs = await buildPrograms();
  folder = await makeTemporaryFolder();
  store = await openTestStore();
  make = createFactory(store);
});

afterEach(async () => {
  for (const agent of agents.values()) await kill(agent);
  await stopReplica(replica);
});

afterAll(async () => {
  await store.close();
  await programs.remove();
  await folder[Symbol.asyncDispose]();
});

interface Place {
  readonly organization: string;
  readonly pool: TestPool;
  readonly token: string;
}

async function makePlace(organization: string): Promise<Place> {
  const organizationId = await make.organization(organization);
  const token = await tokenOf(store, await make.user({ organizationId }));
  const manifest: Partial<Manifest> = { claim: 'instant', agents: [MAIN] };
  return {
    organization,
    token,
    pool: await make.pool(await make.template({ organizationId, manifest })),
  };
}

/** All that the pool has, at the same time. */
async function claimAll({ organization, pool, token }: Place, given: object = {}): Promise<void> {
  const { url } = replica.server.address();
  const answers = await Promise.all(
    Array.from({ length: COUNT }, async (_, n) => {
      const answer = await fetch(`${url}/api/v1/organizations/${organization}/workspaces`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ template: pool.name, name: `${pool.name}-${n}`, ...given }),
      });
      expect(answer.status, await answer.clone().text()).toBe(201);
      return (await answer.json()) as CreateWorkspaceAnswer;
    }),
  );
  expect(answers.map(({ claimed }) => claimed)).toEqual(Array(COUNT).fill(true));
  const outcomes = 'select outcome from claims where pool_id = $1';
  expect(await store.sql(outcomes, [pool.poolId])).toEqual(Array(COUNT).fill({ outcome: 'hit' }));
}

describe('living agents', () => {
  it('of a control plane that was started again just now', { timeout: 90_000 }, async () => {
    replica = await startReplica(store, { claimProofTimeoutMs: 200 });
    const place = await makePlace('restart');
    agents = await fillWithAgents(
      { store, make },
      { pool: place.pool, count: COUNT },
      { command: [process.execPath, programs.agent], folder: folder.path, replicas: [replica] },
    );
    const port = Number(new URL(replica.server.address().url).port);
    await stopReplica(replica);
    replica = await startReplica(store, { claimProofTimeoutMs: 200, port });
    await claimAll(place);
    // They learn of their owners as soon as they are back.
    const applied = `select from agents where workspace_id = any ($1) and applied_epoch = 1`;
    await expect
      .poll(() => store.sql(applied, [[...agents.keys()]]), { timeout: 30_000 })
      .toHaveLength(COUNT);
  });

  it.each(['sh', 'node'])('of %s that are given very much', { timeout: 90_000 }, async (kind) => {
    replica = await startReplica(store, { claimProofTimeoutMs: 2_000 });
    const place = await makePlace(`much-${kind}`);
    const shell = path.resolve('src/agent/agent.sh');
    agents = await fillWithAgents(
      { store, make },
      { pool: place.pool, count: COUNT },
      {
        command: kind === 'sh' ? ['sh', shell] : [process.execPath, programs.agent],
        ...{ folder: folder.path, replicas: [replica] },
      },
    );
    const names = Array.from({ length: 100 }, (_, n) => `v${n}`);
    const value = 'x'.repeat(600);
    const content = Buffer.from(value).toString('base64');
    await claimAll(place, {
      environment: Object.fromEntries(names.map((name) => [name, value])),
      secrets: Object.fromEntries(names.map((name) => [name, value])),
      files: Object.fromEntries(names.map((name) => [`a/${name}`, { content }])),
    });
    const proofs = `select distinct details->>'proof' as proof from pool_events
      where pool_id = $1 and kind = 'claimed'`;
    expect(await store.sql(proofs, [place.pool.poolId])).toEqual([{ proof: 'answered' }]);
  });
});
