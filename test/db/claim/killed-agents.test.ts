// Half of a pool's agents killed at random, as they are shipped and while their signs of life look fresh, and
// people who claim from two control planes over HTTP meanwhile: none of them sees a failure.
import type { ChildProcess } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { CreateWorkspaceAnswer } from '../../../src/contract/workspace/schema.ts';
import {
  fillWithAgents,
  kill,
  startReplica,
  stopReplica,
  tokenOf,
  type Replica,
} from '../../support/claiming-replicas.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { findUnbuiltViolations } from '../../support/pool-invariants.ts';
import { buildPrograms, type Programs } from '../../support/programs.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const SIZE = 10;
const CLAIMERS = SIZE / 2;
/** On a busy machine a dead one is told late, and would be handed over unheard. */
const PROOF_TIMEOUT_MS = 5_000;

let store: TestStore;
let make: Factory;
let programs: Programs;
let folder: TemporaryFolder;
let replicas: readonly Replica[];
let agents: ReadonlyMap<WorkspaceId, ChildProcess> = new Map();

beforeAll(async () => {
  programs = await buildPrograms();
  folder = await makeTemporaryFolder();
  store = await openTestStore();
  make = createFactory(store);
  const options = { claimProofTimeoutMs: PROOF_TIMEOUT_MS };
  replicas = [await startReplica(store, options), await startReplica(store, options)];
});

afterEach(async () => {
  for (const agent of agents.values()) await kill(agent);
});

afterAll(async () => {
  for (const replica of replicas) await stopReplica(replica);
  await store.close();
  await programs.remove();
  await folder[Symbol.asyncDispose]();
});

/** One that is left to its moment: the oldest, which is the first to be taken, and others at random. */
function chooseVictims(ids: readonly WorkspaceId[]): ReadonlySet<WorkspaceId> {
  const [oldest, ...others] = ids;
  const victims = new Set([oldest!]);
  while (victims.size < SIZE / 2) {
    victims.add(others[Math.floor(store.kit.rng.next() * others.length)]!);
  }
  return victims;
}

describe('half of the agents killed at random', () => {
  it.each(['instant', 'apply'] as const)(
    'are nothing to who claims, with claim: %s',
    { timeout: 120_000 },
    async (claim) => {
      const organization = `killed-${claim}`;
      const organizationId = await make.organization(organization);
      const token = await tokenOf(store, await make.user({ organizationId }));
      const agent = {
        ...{ name: 'main', startup: null, on_claim: null },
        ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
      };
      const manifest = { claim, agents: [agent] };
      const pool = await make.pool(await make.template({ organizationId, manifest }));
      // Half of them wait at either replica.
      agents = await fillWithAgents(
        { store, make },
        { pool, count: SIZE },
        { command: [process.execPath, programs.agent], folder: folder.path, replicas },
      );
      const ids = [...agents.keys()];
      const victims = chooseVictims(ids);
      await Promise.all([...victims].map((id) => kill(agents.get(id)!)));
      const fresh = `select from agents
        where workspace_id = any ($1) and last_seen_at > standby_now() - interval '60 s'`;
      expect(await store.sql(fresh, [ids])).toHaveLength(SIZE);

      const answers = await Promise.all(
        Array.from({ length: CLAIMERS }, async (_, n) => {
          const { url } = replicas[n % 2]!.server.address();
          const answer = await fetch(`${url}/api/v1/organizations/${organization}/workspaces`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: JSON.stringify({ template: pool.name, name: `${pool.name}-${n}` }),
          });
          expect(answer.status, await answer.clone().text()).toBe(201);
          return (await answer.json()) as CreateWorkspaceAnswer;
        }),
      );
      // Who met three dead ones in a row is given one that is built for them.
      const claimed = answers.flatMap((answer) => (answer.claimed ? [answer.workspace.id] : []));
      for (const id of claimed) expect(victims).not.toContain(id);
      expect(new Set(answers.map(({ workspace }) => workspace.id)).size).toBe(CLAIMERS);

      const recorded = await store.sql<{ outcome: string; id: string; proved: string | null }>(
        `select outcome, workspace_id as id, jsonb_typeof(stage_ms->'prove') as proved
         from claims where pool_id = $1`,
        [pool.poolId],
      );
      const of = (outcome: string) => recorded.filter((one) => one.outcome === outcome);
      expect(new Set(of('hit').map(({ id }) => id))).toEqual(new Set(claimed));
      expect(of('void').map(({ id }) => id)).toContain(ids[0]);
      expect(of('miss')).toHaveLength(CLAIMERS - claimed.length);
      expect(recorded).toHaveLength(of('hit').length + of('void').length + of('miss').length);
      for (const { proved } of [...of('hit'), ...of('void')]) expect(proved).toBe('number');
      const builds = `select workspace_id as id from builds where stage = 'claim' and preset_id = $1`;
      const handedOver = await store.sql<{ id: string }>(builds, [pool.presetId]);
      expect(handedOver.map(({ id }) => id).sort()).toEqual(
        claim === 'apply' ? [...claimed].sort() : [],
      );
      expect(await findUnbuiltViolations(store)).toEqual([]);
    },
  );
});
