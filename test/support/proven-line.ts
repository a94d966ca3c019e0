// A line of people whose prebuilds have agents: each step of their being served by itself.
import type { UserId, WaiterId, WorkspaceId } from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { Database } from '../../src/store/database.ts';
import type { NoticeBus } from '../../src/store/notice-bus.ts';
import { reconcilePool } from '../../src/reconciler/reconcile-pool.ts';
import { settleUnanswered } from '../../src/workspaces/settle-claims.ts';
import { readWaiter } from '../../src/workspaces/waiting/end-waiters.ts';
import { proveServed } from '../../src/workspaces/waiting/prove-served.ts';
import { serveWaiters, type HandedOut } from '../../src/workspaces/waiting/serve-waiters.ts';
import { AGENTS, type AnsweringAgents } from './answering-agents.ts';
import { proveDepsOf } from './creator.ts';
import type { Factory } from './factory.ts';
import { openLine, type Line } from './line.ts';
import type { TestQueue } from './queue.ts';
import { RECONCILER_OPTIONS } from './reconcile.ts';
import type { TestStore } from './store.ts';

/** As PATIENT_PROOF, and soon finds what others have settled before. */
export const LINE_PROOF = { timeoutMs: 20_000, pollMs: 500 };

/** Another control plane. */
export interface LineReplica {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

export interface ProvenLine extends Line {
  /** A turn of the pool. What it took is to be proven by calling what it gives, or by nobody: then it has died. */
  take(replica?: LineReplica): Promise<() => Promise<boolean>>;
  /** A turn of the pool, and the proofs of what it took. */
  serve(): Promise<void>;
  /** As every control plane does beside its work, for those that died. */
  sweep(): Promise<void>;
  /** As its owner is shown it. */
  see(id: WaiterId): Promise<Seen>;
  /** Claims of the pool in the order in which they were made. */
  claims(): Promise<readonly (readonly [WorkspaceId | null, outcome: string])[]>;
  /** Whose workspaces, of those that the pool had, are not deleted and have this name. */
  owners(name: string): Promise<readonly UserId[]>;
}

interface Seen {
  readonly outcome: string | null;
  readonly workspaceId: WorkspaceId | null;
  readonly position: number | null;
}

export async function openProvenLine(
  { store, make }: { readonly store: TestStore; readonly make: Factory },
  { deps, answering }: { readonly deps: TestQueue['deps']; readonly answering: AnsweringAgents },
  manifest: Partial<Manifest> = {},
): Promise<ProvenLine> {
  const line = await openLine(
    { store, make },
    {
      manifest: { agents: AGENTS, ...manifest },
      // What they do not need is not taken away from them.
      desired: 10,
      // Who comes meanwhile goes behind at once.
      proof: { timeoutMs: 1, pollMs: 1 },
    },
  );
  const { pool } = line;
  const take = async (replica: LineReplica = deps): Promise<() => Promise<boolean>> => {
    const serving = { ...deps, ...replica };
    let taken: readonly HandedOut[] = [];
    await reconcilePool(
      {
        ...serving,
        serveWaiters: async (tx, poolId) => {
          const handedOut = await serveWaiters(serving, tx, poolId);
          return () => void (taken = handedOut);
        },
      },
      pool.poolId,
      RECONCILER_OPTIONS,
    );
    const clock = answering.impatientClock(pool);
    return () => proveServed({ ...proveDepsOf(serving, LINE_PROOF), clock }, taken);
  };
  return {
    ...line,
    take,
    serve: async () => {
      const prove = await take();
      await prove();
    },
    sweep: () => settleUnanswered(deps, { afterMs: 20_000, signal: new AbortController().signal }),
    see: async (id) => {
      const { outcome, workspaceId, position } = (await readWaiter(deps, id))!;
      return { outcome, workspaceId, position };
    },
    claims: async () => {
      const rows = await store.sql<{ workspace_id: WorkspaceId | null; outcome: string }>(
        'select workspace_id, outcome from claims where pool_id = $1 order by at, id',
        [pool.poolId],
      );
      return rows.map((row) => [row.workspace_id, row.outcome] as const);
    },
    owners: async (name) => {
      const rows = await store.sql<{ owner_id: UserId }>(
        'select owner_id from workspaces where pool_id = $1 and name = $2 and deleted_at is null',
        [pool.poolId, name],
      );
      return rows.map((row) => row.owner_id);
    },
  };
}
