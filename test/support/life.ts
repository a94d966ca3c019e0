// A person's workspace whose life runs by itself, and a look at what is due.
import type { Instant } from '../../src/base/clock.ts';
import type { UserId, WorkspaceId } from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { Transition } from '../../src/domain/job/job.ts';
import type { Database } from '../../src/store/database.ts';
import { changeWorkspace } from '../../src/workspaces/change-workspace.ts';
import type { CreatedWorkspace } from '../../src/workspaces/served.ts';
import { createTestCreator } from './creator.ts';
import { keepLives } from '../../src/workspaces/life/keep-lives.ts';
import type { WorkspaceRequest } from '../../src/workspaces/request.ts';
import { asCreated, NO_WAITING } from './created.ts';
import type { Factory, TestPool } from './factory.ts';
import type { TestStore } from './store.ts';

export interface StoppedClock {
  advance(ms: number): Promise<void>;
  set(at: Instant): Promise<void>;
}

/** From now on the database's clock stands still, and moves when it is told to. */
export async function stopClock(store: TestStore): Promise<StoppedClock> {
  await store.sql(
    `create unlogged table stopped_clock as
     select date_trunc('milliseconds', clock_timestamp()) as at`,
  );
  await store.sql(
    `create or replace function standby_now() returns timestamptz
       language sql stable parallel safe
       return (select at from stopped_clock)`,
  );
  return {
    advance: async (ms) => {
      await store.sql(`update stopped_clock set at = at + $1 * interval '1 ms'`, [ms]);
    },
    set: async (at) => {
      await store.sql('update stopped_clock set at = to_timestamp($1::float8 / 1000)', [at]);
    },
  };
}

export const NO_LIFE: Manifest['life'] = {
  ttl_seconds: null,
  max_lifetime_seconds: null,
  idle_stop_seconds: null,
  dormant_after_seconds: null,
  delete_dormant_after_seconds: null,
};

export interface LifeGround {
  readonly pool: TestPool;
  readonly ann: UserId;
  readonly ask: (request?: Partial<WorkspaceRequest>) => Promise<CreatedWorkspace>;
  readonly change: (id: WorkspaceId, transition: Transition) => Promise<void>;
}

export async function openLifeGround(
  store: TestStore,
  make: Factory,
  manifest: Partial<Manifest>,
): Promise<LifeGround> {
  const organizationId = await make.organization();
  const [row] = await store.sql<{ name: string }>('select name from organizations where id = $1', [
    organizationId,
  ]);
  const ann = await make.user({ organizationId });
  const pool = await make.pool(await make.template({ organizationId, manifest }));
  const requester = { userId: ann, isAdmin: false };
  const deps = { ...store.kit, database: store.database, keyring: store.keyring };
  const create = createTestCreator(deps);
  let asked = 0;
  return {
    pool,
    ann,
    ask: async (request = {}) =>
      asCreated(
        await create(requester, {
          organization: row!.name,
          template: pool.name,
          name: `demo-${++asked}`,
          preset: pool.presetName,
          parameters: {},
          onEmpty: 'create',
          ...NO_WAITING,
          idempotencyKey: undefined,
          ...request,
        }),
      ),
    change: (id, transition) => changeWorkspace(deps, requester, { id, transition }),
  };
}

/** As a replica does it. */
export function look(
  { kit, database, keyring }: TestStore,
  on: Database = database,
): Promise<void> {
  return keepLives({ ...kit, database: on, keyring }, new AbortController().signal);
}

export interface ShownLife {
  /** `start succeeded create`, oldest first. */
  readonly builds: readonly string[];
  readonly lastUsedAt: Instant;
  readonly deadlineAt: Instant | null;
  readonly lifetimeEndsAt: Instant | null;
  readonly dueAt: Instant | null;
  /** When the newest build ended. */
  readonly endedAt: Instant | null;
}

export async function readLife(store: TestStore, id: WorkspaceId): Promise<ShownLife> {
  const [row] = await store.sql<ShownLife>(
    `select w.last_used_at as "lastUsedAt", w.deadline_at as "deadlineAt",
       w.lifetime_ends_at as "lifetimeEndsAt", w.due_at as "dueAt",
       array_agg(b.transition || ' ' || j.status || ' ' || b.reason order by b.number) as builds,
       max(j.completed_at) as "endedAt"
     from workspaces w
     join builds b on b.workspace_id = w.id
     join jobs j on j.id = b.job_id
     where w.id = $1
     group by w.id`,
    [id],
  );
  return row!;
}

/** Milliseconds from one to the other. */
export function between(from: Instant | null, to: Instant | null): number | undefined {
  return from === null || to === null ? undefined : to - from;
}
