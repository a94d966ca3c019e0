// Taking prebuilt workspaces: the statement that picks, takes and records, for who asks now and for who
// has waited. Runs at READ COMMITTED. It locks pool members, then their workspaces, and never a pool's row.
import type { PoolId, PresetId, UserId, WaiterId } from '../base/id.ts';
import type { GrantedLife } from '../domain/workspace/life.ts';
import { int, nullable, text, uuid, type RowOf } from './column.ts';
import {
  GRANTED_ARRAYS,
  GRANTED_NAMES,
  grantedArgs,
  START_OF_LIFE,
  type GrantedArgs,
} from './life.ts';
import { notHeldUp } from './held-up.ts';
import { inPlaces } from './in-places.ts';
import { FRESH_SINCE } from './live-pool/fresh-since.ts';
import { READY_NOW } from './live-pool/ready-now.ts';
import { PREBUILDS_USER_ID } from './system-user.ts';
import { statement, takes, type Executor, type Statement } from './statement.ts';
import { unseen } from './unseen.ts';
import { HAS_NOTHING, HAS_UNPROVEN, IN_LINE } from './waiter.ts';
import {
  WORKSPACE_COLUMNS,
  WORKSPACE_JOINS,
  workspaceColumns,
  type WorkspaceRow,
} from './workspace-view.ts';

export type ClaimOrder = 'oldest' | 'newest';

/** One prebuild of the preset for the user. */
interface Wanted extends GrantedLife {
  readonly presetId: PresetId;
  readonly userId: UserId;
  readonly isAdmin: boolean;
  /** What the user spends was compared with what they may, under the lock of `lockQuotas`. */
  readonly isWithinQuota: boolean;
  readonly name: string;
  readonly claimId: string;
  readonly eventId: string;
  /** It counts as handed over once its agents have answered: see claim-proof.ts. */
  readonly isToProve: boolean;
  /** Null: the request has none. */
  readonly idempotencyKey: string | null;
  readonly bodyHash: Buffer;
  readonly resolveMs: number;
}

export interface TakeRequest extends Wanted {
  /** Those who wait with the same or a higher one go before it. */
  readonly priority: number;
}

/** For who is next in line. */
export interface ServeRequest extends Wanted {
  readonly waiterId: WaiterId;
  readonly waitedMs: number;
}

interface WantedArgs extends GrantedArgs {
  readonly presetIds: readonly PresetId[];
  readonly userIds: readonly UserId[];
  readonly admins: readonly boolean[];
  readonly withinQuotas: readonly boolean[];
  readonly names: readonly string[];
  readonly claimIds: readonly string[];
  readonly eventIds: readonly string[];
  readonly toProve: readonly boolean[];
  readonly idempotencyKeys: readonly (string | null)[];
  readonly bodyHashes: readonly Buffer[];
  readonly resolveMs: readonly number[];
}

interface TakeArgs extends WantedArgs {
  readonly priorities: readonly number[];
}

interface ServeArgs extends WantedArgs {
  readonly waiterIds: readonly WaiterId[];
  readonly waitedMs: readonly number[];
}

const taken = {
  /** Of the request, counted from 1. */
  place: int,
  poolId: uuid<PoolId>(),
  machineId: nullable(text),
  /** Of its latest build. */
  buildNumber: int,
  ...workspaceColumns,
};

export interface TakenPrebuild extends Pick<
  RowOf<typeof taken>,
  'poolId' | 'machineId' | 'buildNumber'
> {
  /** As it was handed over. */
  readonly workspace: WorkspaceRow;
}

/** What differs between who asks now and who has waited. */
interface Variant {
  readonly verb: string;
  /** More columns of a request, by the parameter that they come from. */
  readonly columns: Readonly<Record<string, string>>;
  /** On `asked a` and `pools l`. */
  readonly condition: string;
  /** Beside the time that judging took, as arguments of jsonb_build_object. */
  readonly stages: string;
  /** Queries for `with`, on `owned`. */
  readonly more: string;
}

/** On `waiters q`, of `asked a` and `pools l`. */
const GO_BEFORE = 'q.pool_id = l.id and q.priority >= a.priority';

const ASKS: Variant = {
  verb: 'take',
  columns: { priority: '$priorities::integer[]' },
  // Where agents have yet to answer for somebody, one that is ready is left for each of them: they may need it. What
  // others take at the same moment is not seen, for this is about turns, not about who owns what.
  condition: `
          and not exists (
            select from waiters q
            where ${GO_BEFORE} and ${HAS_NOTHING})
          and case
            when exists (select from waiters q where ${GO_BEFORE} and ${HAS_UNPROVEN}) then exists (
              select from pool_members m
              where m.preset_id = a.preset_id and ${READY_NOW} and (m.born_at < ${FRESH_SINCE}) is not true
              offset a.place - 1 + (
                select count(*) from waiters q where ${GO_BEFORE} and ${HAS_UNPROVEN})
            )
            else true
          end`,
  stages: '',
  more: '',
};

// In the same statement, or the name would count as kept for a waiter still. Until agents have answered it keeps its
// place and what it waits with, should what was taken be void.
const HAS_WAITED: Variant = {
  verb: 'serve',
  columns: { waiter_id: '$waiterIds::uuid[]', waited_ms: '$waitedMs::float8[]' },
  // Its deadline may have passed since its turn was read: whoever serves may have stood still.
  condition: `
          and exists (select from waiters q where q.id = a.waiter_id and ${IN_LINE})`,
  stages: `, 'wait', waited_ms`,
  more: `, served as (
        update waiters q
        set ended_at = case when not owned.is_to_prove then (select standby_now()) end,
          outcome = case when not owned.is_to_prove then 'served' end,
          workspace_id = owned.id,
          key_id = case when owned.is_to_prove then q.key_id end,
          sealed = case when owned.is_to_prove then q.sealed end
        from owned
        where q.id = owned.waiter_id
      ), ended_waits as (
        insert into counter_steps (counter, template_id, preset, labels, amount)
        select 'waits_ended', template_id, preset_name, '{"outcome": "served"}', 1
        from owned
        where not is_to_prove
      )`,
};

/**
 * Picks eligible prebuilds, one for each request as far as they go, gives them to their users, and writes
 * all that belongs to a claim: ended sessions, the claim's record, the pool's event, the count, the
 * idempotency key; and reads what the new owner is shown. Takes none for a preset that is not of an active version any more, for who is not
 * of its organization, or where a quota that was not asked for is enforced.
 *
 * What is picked stands in a MATERIALIZED query, so that just as many rows are locked as there are
 * requests. As `in (select … limit 1)` the planner may run it once per row under a nested loop, and then
 * takes the whole pool.
 *
 * The members have to be walked in the order of pool_members_claim_idx, up to the last that is taken: read
 * and sorted, 300 of them cost 940 buffers instead of 40. Whether the planner does so hangs on how many
 * it believes to fit, and it believes in few where pools are many. So nothing is joined to the members,
 * the version is compared once for all of a preset, and freshness is a `not true`, which is taken to be
 * likely.
 */
function takeStatement<Args extends WantedArgs>(
  order: ClaimOrder,
  { verb, columns, condition, stages, more }: Variant,
): Statement<Args, typeof taken> {
  const direction = order === 'oldest' ? 'asc' : 'desc';
  const names = Object.keys(columns).join(', ');
  const carried = Object.keys(columns)
    .map((name) => `g.${name}`)
    .join(', ');
  const arrays = Object.values(columns).map(unseen).join(', ');
  const inOrder = `m.born_at ${direction}, m.workspace_id ${direction}`;
  return statement({
    name: `claim.${verb}_${order}`,
    takes: takes<Args>(),
    gives: taken,
    sql: `
      with asked as materialized (
        select a.*
        from ${notHeldUp('$presetIds::uuid[]')}, unnest(${unseen('$presetIds::uuid[]')}, ${unseen('$userIds::uuid[]')},
          ${unseen('$admins::boolean[]')}, ${unseen('$withinQuotas::boolean[]')},
          ${unseen('$names::text[]')},
          ${unseen('$claimIds::uuid[]')}, ${unseen('$eventIds::uuid[]')},
          ${unseen('$toProve::boolean[]')}, ${unseen('$idempotencyKeys::text[]')}, ${unseen('$bodyHashes::bytea[]')},
          ${unseen('$resolveMs::float8[]')}, ${GRANTED_ARRAYS}, ${arrays}) with ordinality
          as a (preset_id, user_id, is_admin, is_within_quota, name, claim_id, event_id,
            is_to_prove, idempotency_key, body_hash, resolve_ms, ${GRANTED_NAMES}, ${names}, place)
      ), wanted as materialized (
        select a.place, a.preset_id, ${FRESH_SINCE} as fresh_since, l.preset_name,
          row_number() over (partition by a.preset_id order by a.place) as turn
        from asked a
        join presets p on p.id = a.preset_id
        join pools l on l.id = p.pool_id
        join templates t on t.id = l.template_id and t.active_version_id = p.version_id
        where t.deprecated = ''
          and t.deleted_at is null
          and (a.is_admin or exists (
            select from memberships m
            where m.organization_id = t.organization_id and m.user_id = a.user_id
          ))
          and (a.is_within_quota or not exists (
            select from organizations o where o.id = t.organization_id and o.enforces_quota
          ))${condition}
      ), sought as materialized (
        select preset_id, fresh_since, count(*) as claims
        from wanted
        group by preset_id, fresh_since
      ), picked as materialized (
        select s.preset_id, m.workspace_id, m.build_number,
          row_number() over (partition by s.preset_id order by ${inOrder}) as turn
        from sought s
        cross join lateral (
          select m.workspace_id, m.build_number, m.born_at
          from pool_members m
          where m.preset_id = s.preset_id
            and ${READY_NOW}
            and (m.born_at < s.fresh_since) is not true
          order by ${inOrder}
          limit s.claims
          for update skip locked
        ) as m
      ), given as materialized (
        select a.*, k.workspace_id, k.build_number, w.preset_name, (select standby_now()) as now
        from picked k
        join wanted w on w.preset_id = k.preset_id and w.turn = k.turn
        join asked a on a.place = w.place
      ), removed as (
        delete from pool_members
        where workspace_id = any (array(select workspace_id from given))
        returning workspace_id
      ), owned as (
        update workspaces w
        set owner_id = g.user_id,
          name = g.name,
          epoch = w.epoch + 1,
          updated_at = (select standby_now()),
          last_used_at = (select standby_now()),
          dormant_at = null,
          ${START_OF_LIFE}
        from removed r
        join given g on g.workspace_id = r.workspace_id
        where w.id = r.workspace_id
          and w.owner_id = '${PREBUILDS_USER_ID}'
          and w.epoch = 0
        returning w.id, w.organization_id, w.template_id, w.owner_id, w.name, w.origin, w.epoch,
          w.pool_id, w.machine_id, w.created_at, w.updated_at, w.last_used_at, w.deleted_at,
          w.ttl_seconds, w.deadline_at, w.lifetime_ends_at, w.autostart_schedule,
          w.autostart_timezone, w.next_start_at, w.start_refused_at, w.start_refusal,
          w.idle_stop_seconds, w.dormant_at, w.delete_dormant_after_seconds, w.automatic_updates,
          g.place, g.build_number, g.preset_name, g.claim_id, g.event_id, g.is_to_prove,
          g.idempotency_key, g.body_hash, g.resolve_ms, ${carried}
      ), ended as (
        update agent_sessions
        set ended_at = (select standby_now())
        where workspace_id = any (array(select id from owned))
          and ended_at is null
      ), recorded as (
        insert into claims
          (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch, outcome,
           stage_ms, at)
        select claim_id, organization_id, template_id, owner_id, pool_id, id, epoch,
          case when is_to_prove then 'taken' else 'hit' end,
          jsonb_build_object('resolve', resolve_ms${stages}), (select standby_now())
        from owned
      ), told as (
        insert into pool_events (id, pool_id, kind, workspace_id, at)
        select event_id, pool_id, 'claimed', id, (select standby_now())
        from owned
        where not is_to_prove
      ), counted as (
        insert into counter_steps (counter, template_id, preset, amount)
        select 'prebuilds_claimed', template_id, preset_name, count(*)
        from owned
        where not is_to_prove
        group by template_id, preset_name
      ), keyed as (
        insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
        select owner_id, idempotency_key, body_hash, id, (select standby_now())
        from owned
        where idempotency_key is not null
      )${more}
      select w.place::integer as place, w.pool_id, w.machine_id, w.build_number, ${WORKSPACE_COLUMNS}
      from owned w
      ${WORKSPACE_JOINS}`,
  });
}

export const takeStatements = {
  oldest: takeStatement<TakeArgs>('oldest', ASKS),
  newest: takeStatement<TakeArgs>('newest', ASKS),
} as const;

const serveStatements = {
  oldest: takeStatement<ServeArgs>('oldest', HAS_WAITED),
  newest: takeStatement<ServeArgs>('newest', HAS_WAITED),
} as const;

/** Gives what each of the requests got, in their order; undefined for one that got nothing. */
export async function takePrebuilds(
  on: Executor,
  order: ClaimOrder,
  requests: readonly TakeRequest[],
): Promise<readonly (TakenPrebuild | undefined)[]> {
  const rows = await takeStatements[order].all(on, {
    ...argsOf(requests),
    priorities: requests.map(({ priority }) => priority),
  });
  return inPlaces(requests, rows).map((row) => row && toTaken(row));
}

/** As takePrebuilds, for the one whose turn it is: the waiting ends with it, or with the proof. */
export async function servePrebuild(
  on: Executor,
  order: ClaimOrder,
  request: ServeRequest,
): Promise<TakenPrebuild | undefined> {
  const row = await serveStatements[order].maybe(on, {
    ...argsOf([request]),
    waiterIds: [request.waiterId],
    waitedMs: [request.waitedMs],
  });
  return row === undefined ? undefined : toTaken(row);
}

function toTaken({
  place: _,
  poolId,
  machineId,
  buildNumber,
  ...workspace
}: RowOf<typeof taken>): TakenPrebuild {
  return { poolId, machineId, buildNumber, workspace };
}

function argsOf(requests: readonly Wanted[]): WantedArgs {
  return {
    presetIds: requests.map(({ presetId }) => presetId),
    userIds: requests.map(({ userId }) => userId),
    admins: requests.map(({ isAdmin }) => isAdmin),
    withinQuotas: requests.map(({ isWithinQuota }) => isWithinQuota),
    names: requests.map(({ name }) => name),
    claimIds: requests.map(({ claimId }) => claimId),
    eventIds: requests.map(({ eventId }) => eventId),
    toProve: requests.map(({ isToProve }) => isToProve),
    idempotencyKeys: requests.map(({ idempotencyKey }) => idempotencyKey),
    bodyHashes: requests.map(({ bodyHash }) => bodyHash),
    resolveMs: requests.map(({ resolveMs }) => resolveMs),
    ...grantedArgs(requests),
  };
}
