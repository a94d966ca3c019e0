// The routes about pools, called without a socket, on a pool that a test made.
import { createPoolHandlers } from '../../src/api/pool/handlers.ts';
import type { PersonCaller } from '../../src/api/handler.ts';
import type { TokenId, UserId } from '../../src/base/id.ts';
import type {
  changePoolBody,
  PlannedPoolView,
  PoolDetailView,
} from '../../src/contract/pool/schema.ts';
import type { PageOptions } from '../../src/reconciler/pool-page.ts';
import type { z } from 'zod';
import type { TestPool } from './factory.ts';
import { RECONCILER_OPTIONS } from './reconcile.ts';
import type { TestStore } from './store.ts';

export interface PoolApi {
  change(body: z.output<typeof changePoolBody>, dryRun?: boolean): Promise<PlannedPoolView>;
  invalidate(dryRun?: boolean): Promise<PlannedPoolView>;
  reset(dryRun?: boolean): Promise<PlannedPoolView>;
  plan(): Promise<PlannedPoolView>;
  show(): Promise<PoolDetailView>;
}

export const asCaller = (userId: UserId, isAdmin = false): PersonCaller => ({
  userId,
  username: isAdmin ? 'operator' : 'someone',
  displayName: 'Someone',
  isAdmin,
  tokenId: 'token' as TokenId,
});

export const ADMIN = asCaller('00000000-0000-7000-8000-0000000000aa' as UserId, true);

export async function openPoolApi(
  store: Pick<TestStore, 'kit' | 'database' | 'sql'>,
  pool: TestPool,
  { caller = ADMIN, ...options }: Partial<PageOptions> & { readonly caller?: PersonCaller } = {},
): Promise<PoolApi> {
  const handlers = createPoolHandlers(store, { ...RECONCILER_OPTIONS, ...options });
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    pool.organizationId,
  ]);
  const params = { organization: row!.name, template: pool.name, preset: pool.presetName };
  const request = { caller, params, signal: new AbortController().signal };
  const query = (dryRun: boolean) => ({ dry_run: dryRun ? ('true' as const) : ('false' as const) });
  return {
    change: async (body, dryRun = false) =>
      (await handlers.changePool({ ...request, query: query(dryRun), body })).body,
    invalidate: async (dryRun = false) =>
      (await handlers.invalidatePool({ ...request, query: query(dryRun) })).body,
    reset: async (dryRun = false) =>
      (await handlers.resetPool({ ...request, query: query(dryRun) })).body,
    plan: async () => (await handlers.getPlan(request)).body,
    show: async () => (await handlers.getPool(request)).body,
  };
}
