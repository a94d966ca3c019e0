// Many people who ask over HTTP at two control planes of one database, for tests of what all of them together get.
import type { OrganizationId, WorkspaceId } from '../../src/base/id.ts';
import { AppError } from '../../src/base/app-error.ts';
import { createClient, type Client, type ClientOptions } from '../../src/client/client.ts';
import type { RouteAnswer } from '../../src/contract/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { startReplica, stopReplica, tokenOf } from './claiming-replicas.ts';
import { createFactory, type Factory, type TestPool } from './factory.ts';
import { openTestStore, type TestStore } from './store.ts';

const ORGANIZATION = 'crowd';
/** They queue for a few connections on whatever machine this is. */
const PATIENT = { timeoutMs: 100_000 };

export interface Wish {
  readonly name: string;
  readonly key?: string;
  readonly onEmpty: 'fail' | 'wait';
}

/** A workspace, or what was said instead. */
export interface Answer {
  readonly workspaceId?: WorkspaceId;
  /** Of its template. */
  readonly version?: string;
  readonly otherwise?: string;
}

export interface ClaimingCrowd extends AsyncDisposable {
  readonly store: TestStore;
  readonly make: Factory;
  readonly organizationId: OrganizationId;
  /** Of people who may claim. */
  readonly tokens: readonly string[];
  /** Of the n-th caller, whose control plane is the one or the other. */
  clientOf(n: number, options?: Partial<ClientOptions>): Client;
  ask(
    client: Client,
    pool: TestPool,
    wish: Wish,
  ): Promise<RouteAnswer<typeof workspaceRoutes.createWorkspace>>;
  /** The same for the n-th caller, with a refusal as an answer. */
  claim(n: number, pool: TestPool, wish: Wish): Promise<Answer>;
}

export async function openClaimingCrowd(size: number): Promise<ClaimingCrowd> {
  const store = await openTestStore();
  const make = createFactory(store);
  const options = { claimProofTimeoutMs: 1_000, waitersPerUser: size };
  const replicas = [await startReplica(store, options), await startReplica(store, options)];
  const organizationId = await make.organization(ORGANIZATION);
  const tokens = await Promise.all(
    Array.from({ length: 20 }, async () => tokenOf(store, await make.user({ organizationId }))),
  );
  const clientOf: ClaimingCrowd['clientOf'] = (n, given = {}) => {
    const { url } = replicas[n % replicas.length]!.server.address();
    return createClient({ url, token: tokens[n % tokens.length], ...given });
  };
  const ask: ClaimingCrowd['ask'] = (client, pool, { name, key, onEmpty }) =>
    client.call(
      workspaceRoutes.createWorkspace,
      {
        params: { organization: ORGANIZATION },
        headers: key === undefined ? {} : { 'idempotency-key': key },
        body: { name, template: pool.name, preset: pool.presetName, on_empty: onEmpty },
      },
      PATIENT,
    );
  return {
    ...{ store, make, organizationId, tokens, clientOf, ask },
    claim: async (n, pool, wish) => {
      try {
        const answer = await ask(clientOf(n), pool, wish);
        if (answer.status === 202) return { otherwise: 'in line' };
        const { id, latest_build: built } = answer.body.workspace;
        return { workspaceId: id as WorkspaceId, version: built.version };
      } catch (error) {
        if (error instanceof AppError) return { otherwise: error.code };
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const replica of replicas) await stopReplica(replica);
      await store.close();
    },
  };
}
