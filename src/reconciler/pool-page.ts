// A pool as people see it: what the next reconcile would find and hold back, decided by the very
// function that the reconcile calls, and what is in the pool.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, PoolId, WorkspaceId } from '../base/id.ts';
import { allowCreations } from '../domain/pool/budget.ts';
import type { PoolDecision, PresetDecision } from '../domain/pool/decide-pool.ts';
import { isStuckDelete } from '../domain/pool/housekeeping.ts';
import { GONE, memberPhase, type MemberPhase, type PoolMember } from '../domain/pool/member.ts';
import type { PoolState, Withheld } from '../domain/pool/plan.ts';
import { readCreationBudget } from '../store/creation-budget.ts';
import type { Database } from '../store/database.ts';
import {
  findPool,
  listPoolEvents,
  listPools,
  listPoolWorkspaces,
  type PoolRow,
} from '../store/pool-page.ts';
import type { Executor } from '../store/statement.ts';
import type { DecisionOptions, ReconcilerOptions } from './options.ts';
import { decideSeenPool, readMoment, readPools, type Moment, type SeenPool } from './seen-pool.ts';

export interface PoolPage {
  readonly pool: PoolRow;
  /** Null when no version of the template asks for the pool any more. */
  readonly state: PoolState | null;
  readonly withheld: Withheld | { readonly reason: 'budget'; readonly count: number } | null;
  readonly validationError: string | null;
}

export interface PoolDetail extends PoolPage {
  readonly members: readonly MemberPage[];
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
export type PageOptions = DecisionOptions & Pick<ReconcilerOptions, 'maxCreationsInFlight'>;

const SHOWN_EVENTS = 50;

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
      const moment = await readMoment(tx, options);
      const rows = await listPools.all(tx, { ...listing });
      const seen = await readPools(tx, { poolIds: rows.map(({ id }) => id), moment }, options);
      const pages: PoolPage[] = [];
      for (const row of rows) {
        const found = look({ seen: seen.find(({ id }) => id === row.id), moment }, options);
        pages.push(await toPage(tx, { row, found }, options));
      }
      return pages;
    },
    { mode: 'snapshot' },
  );
}

export interface PoolNames {
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly preset: string;
}

/** One pool with what is in it; undefined when there is none of these names. */
export function readPoolDetail(
  database: Database,
  names: PoolNames,
  options: PageOptions,
): Promise<PoolDetail | undefined> {
  return database.transaction(
    async (tx) => {
      const moment = await readMoment(tx, options);
      const row = await findPool.maybe(tx, names);
      if (row === undefined) return undefined;
      const poolId = row.id;
      const [seen] = await readPools(tx, { poolIds: [poolId], moment }, options);
      const found = look({ seen, moment }, options);
      return {
        ...(await toPage(tx, { row, found }, options)),
        members: found === undefined ? [] : await readMemberPages(tx, found),
        events: await listPoolEvents.all(tx, { poolId, limit: SHOWN_EVENTS }),
      };
    },
    { mode: 'snapshot' },
  );
}

interface Found {
  readonly seen: SeenPool;
  readonly decision: PoolDecision;
}

function look(
  { seen, moment }: { readonly seen: SeenPool | undefined; readonly moment: Moment },
  options: PageOptions,
): Found | undefined {
  return seen === undefined ? undefined : { seen, decision: decideSeenPool(seen, moment, options) };
}

async function toPage(
  on: Executor,
  { row, found }: { readonly row: PoolRow; readonly found: Found | undefined },
  options: PageOptions,
): Promise<PoolPage> {
  const asked = found?.decision.presets.find(({ preset }) => preset.usingActiveVersion);
  if (found === undefined || asked === undefined) {
    return { pool: row, state: null, withheld: null, validationError: null };
  }
  const preset = found.seen.presets.find(({ presetId }) => presetId === asked.preset.id);
  return {
    pool: row,
    state: asked.plan.state,
    withheld: asked.plan.withheld ?? (await findOverBudget(on, { row, asked }, options)),
    validationError: preset?.validationError ?? null,
  };
}

async function findOverBudget(
  on: Executor,
  { row, asked }: { readonly row: PoolRow; readonly asked: PresetDecision },
  options: PageOptions,
): Promise<{ readonly reason: 'budget'; readonly count: number } | null> {
  const wanted = asked.plan.actions.find((action) => action.kind === 'create')?.count ?? 0;
  if (wanted === 0) return null;
  const facts = await readCreationBudget.one(on, {
    organizationId: row.organizationId,
    poolId: row.id,
  });
  const allowed = allowCreations(wanted, facts, { maxInFlight: options.maxCreationsInFlight });
  return allowed === wanted ? null : { reason: 'budget', count: wanted - allowed };
}

async function readMemberPages(
  on: Executor,
  { seen, decision }: Found,
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
  if (member.broken !== null) return `its startup did not succeed: ${member.broken}`;
  return member.lostAt === null
    ? 'it did not become ready in time'
    : 'it was ready and gave no sign of life for too long';
}
