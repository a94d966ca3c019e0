// A thousand who claim at once over HTTP from two control planes, of a pool that has a tenth of what they want: as
// many are served as there are prebuilds, each with another one, and the rest is told what they asked to be told.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import type { OrganizationId } from '../../../src/base/id.ts';
import {
  createClient,
  type Client,
  type ClientOptions,
  type Fetch,
} from '../../../src/client/client.ts';
import { workspaceRoutes } from '../../../src/contract/workspace/route.ts';
import {
  startReplica,
  stopReplica,
  tokenOf,
  type Replica,
} from '../../support/claiming-replicas.ts';
import { bodyOfCreated } from '../../support/created.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const READY = 100;
const CLAIMERS = 1_000;
/** They queue for a few connections on whatever machine this is. */
const PATIENT = { timeoutMs: 100_000 };

let store: TestStore;
let make: Factory;
let replicas: readonly Replica[];
let organizationId: OrganizationId;
let tokens: readonly string[];

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const options = { claimProofTimeoutMs: 1_000, waitersPerUser: CLAIMERS };
  replicas = [await startReplica(store, options), await startReplica(store, options)];
  organizationId = await make.organization('exact');
  tokens = await Promise.all(
    Array.from({ length: 20 }, async () => tokenOf(store, await make.user({ organizationId }))),
  );
});

afterAll(async () => {
  for (const replica of replicas) await stopReplica(replica);
  await store.close();
});

async function poolOf(count: number): Promise<TestPool> {
  const template = await make.template({ organizationId, manifest: { claim: 'instant' } });
  const pool = await make.pool(template, { desired: count });
  await makeReady(store, make, { pool, count });
  return pool;
}

/** Of the n-th caller, whose control plane is the one or the other. */
function clientOf(n: number, options: Partial<ClientOptions> = {}): Client {
  const { url } = replicas[n % replicas.length]!.server.address();
  return createClient({ url, token: tokens[n % tokens.length], ...options });
}

interface Asked {
  readonly name: string;
  readonly key?: string;
  readonly onEmpty: 'fail' | 'wait';
}

function ask(client: Client, pool: TestPool, { name, key, onEmpty }: Asked) {
  const asked = {
    params: { organization: 'exact' },
    headers: key === undefined ? {} : { 'idempotency-key': key },
    body: { name, template: pool.name, preset: pool.presetName, on_empty: onEmpty },
  };
  return client.call(workspaceRoutes.createWorkspace, asked, PATIENT);
}

/** The workspaces that were given, and how often each other answer was. */
async function crowd(
  pool: TestPool,
  onEmpty: 'fail' | 'wait',
): Promise<{ readonly given: readonly string[]; readonly others: Record<string, number> }> {
  const given: string[] = [];
  const others: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: CLAIMERS }, async (_, n) => {
      const name = `${onEmpty}-${n}`;
      try {
        const answer = await ask(clientOf(n), pool, { name, onEmpty });
        if (answer.status === 201) given.push(answer.body.workspace.id);
        else others['in line'] = (others['in line'] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        others[error.code] = (others[error.code] ?? 0) + 1;
      }
    }),
  );
  return { given, others };
}

describe('a thousand claimers on two control planes', () => {
  it.each([
    ['fail', 'POOL_EMPTY'],
    ['wait', 'in line'],
  ] as const)('are served exactly, and the others %s', async (onEmpty, other) => {
    const pool = await poolOf(READY);
    const { given, others } = await crowd(pool, onEmpty);
    expect(others).toEqual({ [other]: CLAIMERS - READY });
    expect(new Set(given).size).toBe(READY);
    const counted = await store.sql(
      `select count(*) filter (where outcome = 'hit')::integer as hits,
         count(*) filter (where outcome = 'miss')::integer as misses,
         (select count(*)::integer from waiters where pool_id = $1 and ended_at is null) as waiters
       from claims where pool_id = $1`,
      [pool.poolId],
    );
    const [misses, waiters] = onEmpty === 'fail' ? [CLAIMERS - READY, 0] : [0, CLAIMERS - READY];
    expect(counted).toEqual([{ hits: READY, misses, waiters }]);
  });
});

describe('one key from sixteen clients on two control planes', () => {
  it('gives all of them one workspace, also those whose answer was lost', async () => {
    const pool = await poolOf(16);
    const losing = (): Fetch => {
      let lost = 0;
      return async (url, init) => {
        const response = await fetch(url, init);
        if (lost++ > 0) return response;
        await response.arrayBuffer();
        throw new TypeError('the answer was lost');
      };
    };
    const wish = { name: 'one', key: 'one', onEmpty: 'fail' } as const;
    const ids = await Promise.all(
      Array.from({ length: 16 }, async (_, n) => {
        // All of one person: a key is theirs alone.
        const token = tokens[0];
        const client = clientOf(n, n % 4 < 2 ? { token, fetch: losing() } : { token });
        const answer = ask(client, pool, wish);
        const again = answer.catch(() => ask(client, pool, wish));
        return bodyOfCreated(await again).workspace.id;
      }),
    );
    expect(new Set(ids).size).toBe(1);
    const left = await store.sql('select from pool_members where pool_id = $1', [pool.poolId]);
    expect(left).toHaveLength(15);
  });
});
