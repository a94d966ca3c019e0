// Control planes as people and agents meet them, over HTTP and as they are set by default, for tests of claims
// with the agents that are shipped.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect } from 'vitest';
import { createAgentAuthentication, createAgentHandlers } from '../../src/api/agent/handlers.ts';
import { createApi } from '../../src/api/http/api.ts';
import { createHttpServer, type HttpServer } from '../../src/api/http/server.ts';
import { createWorkspaceHandlers } from '../../src/api/workspace/handlers.ts';
import { createBootstrapTokens } from '../../src/base/bootstrap-token.ts';
import { createId, type TokenId, type UserId, type WorkspaceId } from '../../src/base/id.ts';
import { createToken } from '../../src/base/token.ts';
import { createPersonAuthenticator } from '../../src/people/authenticate.ts';
import { createAgentsTogether } from '../../src/store/agent-together.ts';
import { createNoticeBus, type NoticeBus } from '../../src/store/notice-bus.ts';
import { insertToken } from '../../src/store/token.ts';
import type { Factory, TestPool } from './factory.ts';
import { nothingFirst } from './precedence.ts';
import { makeReady } from './ready-prebuild.ts';
import { RECONCILER_OPTIONS } from './reconcile.ts';
import type { TestStore } from './store.ts';
import { until } from './until.ts';

const bootstrapTokens = createBootstrapTokens(Buffer.alloc(32));

export interface Replica {
  readonly bus: NoticeBus;
  readonly server: HttpServer;
  /** Those whose agents wait here for a new owner. */
  readonly waiting: ReadonlySet<WorkspaceId>;
}

export interface ReplicaOptions {
  readonly claimProofTimeoutMs: number;
  /** 0: any. */
  readonly port?: number;
  readonly waitersPerUser?: number;
}

export async function startReplica(
  store: TestStore,
  { claimProofTimeoutMs, port = 0, waitersPerUser = 100 }: ReplicaOptions,
): Promise<Replica> {
  const { kit, keyring } = store;
  const database = store.open();
  const bus = createNoticeBus({ ...kit, database });
  const together = createAgentsTogether({ ...kit, database });
  const deps = { ...kit, database, bus, keyring, agents: together };
  const tokens = createAgentAuthentication({ ...together, bootstrapTokens });
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const agentHandlers = createAgentHandlers(deps, {
    // As they are: what makes a claim known in time is a notice, to the other replica too.
    ...{ heartbeatIntervalMs: 20_000, pollMs: 20_000 },
    readShellAgent: () => Promise.reject(new Error('nobody asks for it')),
  });
  const waiting = new Set<WorkspaceId>();
  const api = createApi(kit, {
    handlers: {
      ...agentHandlers,
      heartbeatAgent: async (request) => {
        const { workspaceId } = request.caller;
        const answer = agentHandlers.heartbeatAgent(request);
        if (request.body.wait_ms > 0) waiting.add(workspaceId);
        return answer.finally(() => waiting.delete(workspaceId));
      },
      ...createWorkspaceHandlers(
        { ...deps, precedence: nothingFirst },
        {
          ...{ ...RECONCILER_OPTIONS, pollMs: 20_000, waitersPerUser },
          claimProofTimeoutMs,
        },
      ),
    },
    authenticators: {
      ...{ provisioner: nobody, metrics: nobody },
      person: createPersonAuthenticator(kit, database),
      agent: (token) => tokens.authenticateAgent(token),
      agent_bootstrap: (token) => tokens.authenticateAgentBootstrap(token),
    },
    eventStreams: { maxPerCaller: 1 },
  });
  const server = createHttpServer(kit, api, { host: '127.0.0.1', port });
  for (const service of [bus, server]) await service.start();
  return { bus, server, waiting };
}

export async function stopReplica({ server, bus }: Pick<Replica, 'server' | 'bus'>): Promise<void> {
  for (const service of [server, bus]) await service.stop('the test is over', 10_000);
}

export interface Shipped {
  /** With its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Where they run. */
  readonly folder: string;
  /** By turns. */
  readonly replicas: readonly Replica[];
}

/** Fills the pool with so many prebuilds, whose agents are ready and wait for an owner. */
export async function fillWithAgents(
  { store, make }: { readonly store: TestStore; readonly make: Factory },
  { pool, count }: { readonly pool: TestPool; readonly count: number },
  { command: [program, ...args], folder, replicas }: Shipped,
): Promise<ReadonlyMap<WorkspaceId, ChildProcess>> {
  const ids = await makeReady(store, make, { pool, count });
  const agents = new Map<WorkspaceId, ChildProcess>();
  for (const [n, workspaceId] of ids.entries()) {
    await make.agent(workspaceId, { name: 'main', kind: 'program' });
    const env = {
      ...{ PATH: process.env['PATH'], STANDBY_AGENT_NAME: 'main' },
      STANDBY_URL: replicas[n % replicas.length]!.server.address().url,
      STANDBY_AGENT_TOKEN: bootstrapTokens.issue(workspaceId),
      STANDBY_AGENT_SCRIPT_DIR: folder,
      STANDBY_AGENT_STATE_DIR: path.join(folder, workspaceId),
    };
    agents.set(workspaceId, spawn(program, args, { stdio: 'ignore', env }));
  }
  const ready = `select workspace_id as id from agents
    where workspace_id = any ($1) and lifecycle = 'ready'`;
  await until(async () => {
    const found = await store.sql<{ id: WorkspaceId }>(ready, [ids]);
    const waits = found.filter(({ id }) => replicas.some(({ waiting }) => waiting.has(id)));
    expect(waits).toHaveLength(count);
  });
  return agents;
}

export async function kill(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const exited = once(agent, 'exit');
  agent.kill('SIGKILL');
  await exited;
}

export async function tokenOf(store: TestStore, userId: UserId): Promise<string> {
  const { secret, hash } = createToken(store.kit.rng, 'sbt');
  const id = createId<TokenId>(store.kit);
  await insertToken(store.database, { id, userId, name: 'test', hash, lifetimeSeconds: null });
  return secret;
}
