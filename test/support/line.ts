// People who wait for a prebuild of one pool, and the turns that serve them.
import type { OrganizationId, UserId, WaiterId, WorkspaceId } from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { Database } from '../../src/store/database.ts';
import type { CreatedWorkspace, Enlisted } from '../../src/workspaces/served.ts';
import { createTestCreator, TEST_PROOF } from './creator.ts';
import type { ProofOptions } from '../../src/workspaces/order.ts';
import type { WorkspaceRequest } from '../../src/workspaces/request.ts';
import { NO_WAITING } from './created.ts';
import type { Factory, TestPool } from './factory.ts';
import { makeReady } from './ready-prebuild.ts';
import { doneOf, reconcileNow } from './reconcile.ts';
import type { TestStore } from './store.ts';

export interface Asking extends Partial<WorkspaceRequest> {
  /** A new member of the organization unless given. */
  readonly userId?: UserId;
  readonly database?: Database;
  /** How many places one person may hold; as many as they like unless given. */
  readonly waitersPerUser?: number;
}

export interface StoredWaiter {
  readonly outcome: string | null;
  readonly workspace_id: WorkspaceId | null;
  readonly error_code: string | null;
}

export interface Line {
  readonly organizationId: OrganizationId;
  readonly pool: TestPool;
  request(given?: Partial<WorkspaceRequest>): WorkspaceRequest;
  ask(given?: Asking): Promise<CreatedWorkspace | Enlisted>;
  /** Throws where it was served at once. */
  wait(given?: Asking): Promise<WaiterId>;
  ready(count: number): Promise<readonly WorkspaceId[]>;
  /** One turn of the pool. */
  turn(database?: Database): Promise<readonly string[]>;
  look(id: WaiterId): Promise<StoredWaiter>;
}

export async function openLine(
  { store, make }: { readonly store: TestStore; readonly make: Factory },
  options: {
    readonly manifest?: Partial<Manifest>;
    readonly desired?: number;
    readonly proof?: ProofOptions;
  } = {},
): Promise<Line> {
  const organizationId = await make.organization();
  const [organization] = await store.sql<{ name: string }>(
    'select name from organizations where id = $1',
    [organizationId],
  );
  const manifest = { claim: 'instant', ...options.manifest } as const;
  const { desired = 0, proof = TEST_PROOF } = options;
  const pool = await make.pool(await make.template({ organizationId, manifest }), { desired });

  const request: Line['request'] = (given = {}) => ({
    organization: organization!.name,
    template: pool.name,
    name: 'demo',
    preset: pool.presetName,
    parameters: {},
    onEmpty: 'wait',
    ...NO_WAITING,
    idempotencyKey: undefined,
    ...given,
  });
  const ask: Line['ask'] = async (asking = {}) => {
    const { userId, database = store.database, waitersPerUser = 1_000, ...given } = asking;
    const by = { userId: userId ?? (await make.user({ organizationId })), isAdmin: false };
    const { kit, keyring } = store;
    return createTestCreator({ ...kit, keyring, database }, { waitersPerUser, proof })(
      by,
      request(given),
    );
  };
  return {
    ...{ organizationId, pool, request, ask },
    wait: async (given) => {
      const answer = await ask(given);
      if ('workspaceId' in answer) throw new Error('it was served at once');
      return answer.waiterId;
    },
    ready: (count) => makeReady(store, make, { pool, count }),
    turn: async (database = store.database) =>
      doneOf(await reconcileNow({ ...store, database }, pool.poolId)),
    look: async (id) => {
      const [row] = await store.sql<StoredWaiter>(
        'select outcome, workspace_id, error_code from waiters where id = $1',
        [id],
      );
      return row!;
    },
  };
}
