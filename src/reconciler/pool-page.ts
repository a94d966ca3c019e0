// A pool as people see it: what the next reconcile would find, do and hold back, decided by the very
// function that the reconcile calls, and what is in the pool.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, PoolId, WorkspaceId } from '../base/id.ts';
import type { HardLimit } from '../domain/pool/brakes.ts';
import { isStuckDelete } from '../domain/pool/housekeeping.ts';
import {
  CLAIM_FORGOTTEN,
  DIED,
  GONE,
  RESTORED,
  UNANSWERED,
  memberPhase,
  type MemberPhase,
  type PoolMember,
} from '../domain/pool/member.ts';
import type { Database } from '../store/database.ts';
import {
  findPool,
  listPoolEvents,
  listPools,
  listPoolsById,
  listPoolWorkspaces,
  type PoolRow,
} from '../store/pool-page.ts';
import type { Executor } from '../store/statement.ts';
import { listLine, type WaiterRow } from '../store/waiter.ts';
import type { PoolPace } from '../domain/waiter/estimate.ts';
import { paceOf } from './pool-pace.ts';
import type { DecisionOptions } from './options.ts';
import { planPools, type DecidedPool, type PlanOptions, type PoolPlan } from './pool-plan.ts';
import { decideSeenPool, readPools } from './seen-pool.ts';

export interface PoolPage {
  readonly pool: PoolRow;
  /** By the settings, of everything. */
  readonly reconciliationPaused: boolean;
  /** Null while the pool is not limited. */
  readonly limit: HardLimit | null;
  readonly plan: PoolPlan;
}

export interface PoolDetail extends PoolPage {
  readonly members: readonly MemberPage[];
  /** The first of its line. */
  readonly waiters: readonly WaiterRow[];
  readonly pace: PoolPace;
  readonly events: readonly PoolEvent[];
}

export interface MemberPage {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly phase: MemberPhase;
  readonly ready: boolean;
  /** Since when it is in this phase. */
  readonly since: Instant;
  readonly problem: string | null;
}

type PoolEvent = Awaited<ReturnType<typeof listPoolEvents.all>>[number];
export type PageOptions = DecisionOptions & PlanOptions;

const SHOWN_EVENTS = 50;
const SHOWN_WAITERS = 50;
const NO_PLAN: PoolPlan = {
  presets: [],
  housekeeping: { retired: [], retried: [] },
  brakeEvent: null,
  nextAt: null,
};

export interface PoolListing {
  readonly organizationId: OrganizationId;
  /** Null: of all templates. */
  readonly template: string | null;
  /** The last one of the page before; null: the first page. */
  readonly after: PoolId | null;
  readonly limit: number;
}

/** Pools of an organization, by template and preset. */
export function readPoolPages(
  database: Database,
  listing: PoolListing,
  options: PageOptions,
): Promise<readonly PoolPage[]> {
  return database.transaction(
    async (tx) => {
      const rows = await listPools.all(tx, { ...listing });
      return (await look(tx, rows, options)).map(({ page }) => page);
    },
    { mode: 'snapshot' },
  );
}

/** These pools of one organization, as an open transaction sees them. */
export async function readPagesOf(
  on: Executor,
  poolIds: readonly PoolId[],
  options: PageOptions,
): Promise<readonly PoolPage[]> {
  const rows = await listPoolsById.all(on, { poolIds });
  return (await look(on, rows, options)).map(({ page }) => page);
}

export interface PoolNames {
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly preset: string;
}

/** One pool; undefined when there is none of these names. */
export function readPoolPage(
  database: Database,
  names: PoolNames,
  options: PageOptions,
): Promise<PoolPage | undefined> {
  return database.transaction(
    async (tx) => {
      const row = await findPool.maybe(tx, names);
      const [looked] = await look(tx, row === undefined ? [] : [row], options);
      return looked?.page;
    },
    { mode: 'snapshot' },
  );
}

/** How soon one pool has prebuilds for those who wait; undefined when there is none. */
export function readPoolPace(
  database: Database,
  poolId: PoolId,
  options: PageOptions,
): Promise<PoolPace | undefined> {
  return database.transaction(
    async (tx) => {
      const [page] = await readPagesOf(tx, [poolId], options);
      return page === undefined ? undefined : readPace(tx, page);
    },
    { mode: 'snapshot' },
  );
}

function readPace(
  on: Executor,
  { pool, reconciliationPaused, limit, plan }: PoolPage,
): Promise<PoolPace> {
  const paused = pool.paused || reconciliationPaused;
  return paceOf(on, { id: pool.id, paused, limited: limit !== null, plan });
}

/** One pool with what is in it; undefined when there is none of these names. */
export function readPoolDetail(
  database: Database,
  names: PoolNames,
  options: PageOptions,
): Promise<PoolDetail | undefined> {
  return database.transaction(
    async (tx) => {
      const row = await findPool.maybe(tx, names);
      const [looked] = await look(tx, row === undefined ? [] : [row], options);
      if (looked === undefined) return undefined;
      const { page, decided } = looked;
      return {
        ...page,
        members: decided === undefined ? [] : await readMemberPages(tx, decided),
        waiters: await listLine.all(tx, { poolId: page.pool.id, limit: SHOWN_WAITERS }),
        pace: await readPace(tx, page),
        events: await listPoolEvents.all(tx, { poolId: page.pool.id, limit: SHOWN_EVENTS }),
      };
    },
    { mode: 'snapshot' },
  );
}

interface Looked {
  readonly page: PoolPage;
  /** Undefined when nothing asks for the pool and nothing of it is alive. */
  readonly decided: DecidedPool | undefined;
}

/** The pages of pools of one organization, in a number of statements that does not grow with them. */
async function look(
  on: Executor,
  rows: readonly PoolRow[],
  options: PageOptions,
): Promise<readonly Looked[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const poolIds = rows.map(({ id }) => id);
  const { moment, pools: seen } = await readPools(on, poolIds, options);
  const pools = seen.map((one) => ({ seen: one, decision: decideSeenPool(one, moment, options) }));
  const plans = await planPools(on, { organizationId: first.organizationId, pools }, options);
  return rows.map((pool) => {
    const decided = pools.find((one) => one.seen.id === pool.id);
    return {
      decided,
      page: {
        pool,
        reconciliationPaused: moment.paused,
        limit: decided === undefined ? null : findLimit(decided),
        plan: plans.get(pool.id) ?? NO_PLAN,
      },
    };
  });
}

/** The limit that holds the active preset back, as the next turn would find it. */
function findLimit({ seen, decision }: DecidedPool): HardLimit | null {
  const brakes = decision.brakes?.brakes ?? seen.world.brakes;
  const active = decision.presets.find(({ snapshot }) => snapshot.hardLimited);
  return active === undefined ? null : (brakes?.limit ?? null);
}

async function readMemberPages(
  on: Executor,
  { seen, decision }: DecidedPool,
): Promise<readonly MemberPage[]> {
  const members = new Map(seen.world.members.map((member) => [member.workspaceId, member]));
  const unhealthy = new Set(
    decision.presets.flatMap(({ snapshot }) => snapshot.unhealthy.map(({ id }) => id)),
  );
  const workspaces = await listPoolWorkspaces.all(on, { poolId: seen.id });
  return workspaces.flatMap(({ workspaceId, name, builtAt, error }) => {
    const member = members.get(workspaceId);
    if (member === undefined) return [];
    return {
      workspaceId,
      name,
      phase: memberPhase(member),
      ready: member.ready,
      since: member.runningSince ?? member.job?.completedAt ?? builtAt,
      problem: describeProblem(member, unhealthy.has(workspaceId), error),
    };
  });
}

function describeProblem(
  member: PoolMember,
  isUnhealthy: boolean,
  error: string | null,
): string | null {
  const phase = memberPhase(member);
  if (phase === 'failed_start') return error ?? 'its build was canceled';
  if (phase === 'failed_delete') {
    const tries = member.job?.deletes ?? 0;
    const stuck = isStuckDelete(tries) ? 'stuck: ' : '';
    const times = tries === 1 ? 'once' : `${tries} times`;
    return `${stuck}its delete did not succeed, tried ${times}: ${error ?? 'canceled'}`;
  }
  if (!isUnhealthy) return null;
  if (member.broken === GONE) return 'its processes are gone';
  if (member.broken === DIED) return 'its processes died, and their machine did not';
  if (member.broken === RESTORED)
    return 'it may have been claimed since the backup that the database is';
  if (member.broken === CLAIM_FORGOTTEN) return 'its agent has served an owner who is not known';
  if (member.broken === UNANSWERED) return 'its agents did not answer when it was claimed';
  if (member.broken !== null) return `its startup did not succeed: ${member.broken}`;
  return member.lostAt === null
    ? 'it did not become ready in time'
    : 'it was ready and gave no sign of life for too long';
}
