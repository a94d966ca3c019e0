// Idempotency keys: the same request sent twice by one person is served once.
import type { UserId, WaiterId, WorkspaceId } from '../base/id.ts';
import type { WaitOutcome } from '../domain/waiter/outcome.ts';
import { KEY_LOCK } from './advisory-lock.ts';
import { text } from './column.ts';
import { statement, takes } from './statement.ts';

/** The request a key came with before, and how that was served. */
export interface PriorRequest {
  /** In hexadecimal digits. */
  readonly bodyHash: string;
  /** Null: it waits, or its waiting ended without one. */
  readonly workspaceId: WorkspaceId | null;
  readonly claimed: boolean;
  readonly missReason: string | null;
  /** Of a prebuilt one whose agents have yet to answer the claim; null otherwise. */
  readonly epochToProve: number | null;
  /** Null: it did not have to wait. */
  readonly waiter: PriorWaiter | null;
}

export interface PriorWaiter {
  readonly id: WaiterId;
  /** Null: it waits. */
  readonly outcome: WaitOutcome | null;
  /** Of a refusal. */
  readonly errorCode: string | null;
  readonly error: string | null;
}

// Both are parts of the read that a request is judged by (claim.ts): apart from it, the key would
// cost every claim a round trip of its own.

/** A query for `with`: a key counts for a day; an older one is dropped and may be used anew. */
export const DROPPED_KEY = `dropped_key as (
  delete from idempotency_keys
  where user_id = $userId
    and key = $idempotencyKey::text
    and created_at <= (select standby_now()) - interval '24 hours'
)`;

/** On `waiters q`: nothing while it is still to be proven. */
const WAS_SERVED_WITH = 'case when q.ended_at is not null then q.workspace_id end';

/** A value: what the key stands for as a PriorRequest, null when it was not used yet. */
export const PRIOR_REQUEST = `(
  select jsonb_build_object(
    'bodyHash', encode(k.body_hash, 'hex'),
    'workspaceId', coalesce(k.workspace_id, ${WAS_SERVED_WITH}),
    'claimed', coalesce(c.outcome <> 'miss', false),
    'missReason', c.reason,
    'epochToProve', case when c.outcome = 'taken' then c.epoch end,
    'waiter', case
      when q.id is not null then jsonb_build_object(
        'id', q.id, 'outcome', q.outcome, 'errorCode', q.error_code, 'error', q.error)
    end)
  from idempotency_keys k
  left join waiters q on q.id = k.waiter_id
  left join claims c
    on c.workspace_id = coalesce(k.workspace_id, ${WAS_SERVED_WITH}) and c.user_id = k.user_id
  where k.user_id = $userId
    and k.key = $idempotencyKey::text
    and k.created_at > (select standby_now()) - interval '24 hours'
)`;

/** Makes requests with one key take turns until the end of the transaction. */
export const lockIdempotencyKey = statement({
  name: 'idempotency_key.lock',
  takes: takes<{ readonly userId: UserId; readonly key: string }>(),
  gives: { locked: text },
  sql: `
    select pg_advisory_xact_lock(${KEY_LOCK}, hashtext($userId::uuid || ' ' || $key))::text as locked`,
});

/** Breaks idempotency_keys_pkey when another request with the key was faster. */
export const recordIdempotencyKey = statement({
  name: 'idempotency_key.record',
  takes: takes<{
    readonly userId: UserId;
    readonly key: string;
    readonly bodyHash: Buffer;
    readonly workspaceId: WorkspaceId;
  }>(),
  gives: {},
  sql: `
    insert into idempotency_keys (user_id, key, body_hash, workspace_id, created_at)
    values ($userId, $key, $bodyHash, $workspaceId, standby_now())`,
});

/** As recordIdempotencyKey, for a waiter that the same transaction stores afterwards. */
export const recordWaiterKey = statement({
  name: 'idempotency_key.record_waiter',
  takes: takes<{
    readonly userId: UserId;
    readonly key: string;
    readonly bodyHash: Buffer;
    readonly waiterId: WaiterId;
  }>(),
  gives: {},
  sql: `
    insert into idempotency_keys (user_id, key, body_hash, waiter_id, created_at)
    values ($userId, $key, $bodyHash, $waiterId, standby_now())`,
});

/** Takes away keys that do not count any more. */
export const dropOldIdempotencyKeys = statement({
  name: 'idempotency_key.drop_old',
  takes: takes<{ readonly limit: number }>(),
  gives: {},
  sql: `
    with old as materialized (
      select ctid as place
      from idempotency_keys
      where created_at <= (select standby_now()) - interval '24 hours'
      order by created_at
      limit $limit::integer
      for update skip locked
    )
    delete from idempotency_keys
    where ctid = any (array(select place from old))`,
});
