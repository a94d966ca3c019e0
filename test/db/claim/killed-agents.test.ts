// Half of a pool's agents killed at random, as they are shipped and while their signs of life look fresh, and
// people who claim from two control planes over HTTP meanwhile: none of them sees a failure.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createAgentAuthentication, createAgentHandlers } from '../../../src/api/agent/handlers.ts';
import { createApi } from '../../../src/api/http/api.ts';
import { createHttpServer, type HttpServer } from '../../../src/api/http/server.ts';
import { createWorkspaceHandlers } from '../../../src/api/workspace/handlers.ts';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import { createId, type TokenId, type UserId, type WorkspaceId } from '../../../src/base/id.ts';
import { createToken } from '../../../src/base/token.ts';
import type { CreateWorkspaceAnswer } from '../../../src/contract/workspace/schema.ts';
import { createPersonAuthenticator } from '../../../src/people/authenticate.ts';
import { createAgentsTogether } from '../../../src/store/agent-together.ts';
import { createNoticeBus, type NoticeBus } from '../../../src/store/notice-bus.ts';
import { insertToken } from '../../../src/store/token.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { buildPrograms, type Programs } from '../../support/programs.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';

const SIZE = 10;
const CLAIMERS = SIZE / 2;
/** For agents that live on a machine that is busy. */
const PROOF_TIMEOUT_MS = 2_000;
const bootstrapTokens = createBootstrapTokens(Buffer.alloc(32));

let store: TestStore;
let make: Factory;
let programs: Programs;
let folder: TemporaryFolder;
let replicas: readonly Replica[];
const agents = new Map<WorkspaceId, ChildProcess>();

interface Replica {
  readonly bus: NoticeBus;
  readonly server: HttpServer;
}

async function startReplica(): Promise<Replica> {
  const { kit, keyring } = store;
  const database = store.open();
  const bus = createNoticeBus({ ...kit, database });
  const together = createAgentsTogether({ ...kit, database });
  const deps = { ...kit, database, bus, keyring, agents: together };
  const tokens = createAgentAuthentication({ ...together, bootstrapTokens });
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const api = createApi(kit, {
    handlers: {
      ...createAgentHandlers(deps, {
        // As they are: what makes a claim known in time is a notice, to the other replica too.
        ...{ heartbeatIntervalMs: 20_000, pollMs: 20_000 },
        readShellAgent: () => Promise.reject(new Error('nobody asks for it')),
      }),
      ...createWorkspaceHandlers(deps, {
        ...{ ...RECONCILER_OPTIONS, pollMs: 20_000, waitersPerUser: 100 },
        claimProofTimeoutMs: PROOF_TIMEOUT_MS,
      }),
    },
    authenticators: {
      ...{ provisioner: nobody, metrics: nobody },
      person: createPersonAuthenticator(kit, database),
      agent: (token) => tokens.authenticateAgent(token),
      agent_bootstrap: (token) => tokens.authenticateAgentBootstrap(token),
    },
    eventStreams: { maxPerCaller: 1 },
  });
  const server = createHttpServer(kit, api, { host: '127.0.0.1', port: 0 });
  for (const service of [bus, server]) await service.start();
  return { bus, server };
}

beforeAll(async () => {
  programs = await buildPrograms();
  folder = await makeTemporaryFolder();
  store = await openTestStore();
  make = createFactory(store);
  replicas = [await startReplica(), await startReplica()];
});

afterEach(async () => {
  for (const agent of agents.values()) await end(agent);
  agents.clear();
});

afterAll(async () => {
  for (const { server, bus } of replicas) {
    for (const service of [server, bus]) await service.stop('the test is over', 10_000);
  }
  await store.close();
  await programs.remove();
  await folder[Symbol.asyncDispose]();
});

async function end(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const exited = once(agent, 'exit');
  agent.kill('SIGKILL');
  await exited;
}

/** A pool that is full, half of whose agents wait at either replica. */
async function fill(pool: TestPool): Promise<readonly WorkspaceId[]> {
  const ids = await makeReady(store, make, { pool, count: SIZE });
  for (const [n, workspaceId] of ids.entries()) {
    await make.agent(workspaceId, { name: 'main', kind: 'program' });
    const url = replicas[n % 2]!.server.address().url;
    const env = {
      ...{ PATH: process.env['PATH'], STANDBY_URL: url, STANDBY_AGENT_NAME: 'main' },
      STANDBY_AGENT_TOKEN: bootstrapTokens.issue(workspaceId),
      STANDBY_AGENT_SCRIPT_DIR: folder.path,
      STANDBY_AGENT_STATE_DIR: path.join(folder.path, workspaceId),
    };
    agents.set(workspaceId, spawn(process.execPath, [programs.agent], { stdio: 'ignore', env }));
  }
  await until(async () => {
    const ready = `select from agents where workspace_id = any ($1) and lifecycle = 'ready'`;
    expect(await store.sql(ready, [ids])).toHaveLength(SIZE);
  });
  return ids;
}

async function tokenOf(userId: UserId): Promise<string> {
  const { secret, hash } = createToken(store.kit.rng, 'sbt');
  const id = createId<TokenId>(store.kit);
  await insertToken(store.database, { id, userId, name: 'test', hash, lifetimeSeconds: null });
  return secret;
}

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
    { timeout: 60_000 },
    async (claim) => {
      const organization = `killed-${claim}`;
      const organizationId = await make.organization(organization);
      const token = await tokenOf(await make.user({ organizationId }));
      const agent = {
        ...{ name: 'main', startup: null, on_claim: null },
        ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
      };
      const manifest = { claim, agents: [agent] };
      const pool = await make.pool(await make.template({ organizationId, manifest }));
      const ids = await fill(pool);
      const victims = chooseVictims(ids);
      await Promise.all([...victims].map((id) => end(agents.get(id)!)));
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
      const violations = await findViolations(store);
      expect(violations.filter((text) => /^(claim|member|a )/.test(text))).toEqual([]);
    },
  );
});
