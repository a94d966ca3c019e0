// Idempotency keys: the same request sent twice by one person is served once.
import type { UserId, WorkspaceId } from '../base/id.ts';
import { bool, bytes, nullable, text, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

/** What a key stands for. A key counts for a day; an older one is dropped and may be used anew. */
export const findIdempotencyKey = statement({
  name: 'idempotency_key.find',
  takes: takes<{ readonly userId: UserId; readonly key: string }>(),
  gives: {
    bodyHash: bytes,
    workspaceId: uuid<WorkspaceId>(),
    claimed: bool,
    missReason: nullable(text),
  },
  sql: `
    with dropped as (
      delete from idempotency_keys
      where user_id = $userId
        and key = $key
        and created_at <= (select standby_now()) - interval '24 hours'
    )
    select k.body_hash, k.workspace_id, coalesce(c.outcome <> 'miss', false) as claimed,
      c.reason as miss_reason
    from idempotency_keys k
    left join claims c on c.workspace_id = k.workspace_id and c.user_id = k.user_id
    where k.user_id = $userId
      and k.key = $key
      and k.created_at > (select standby_now()) - interval '24 hours'`,
});

/** The first half of the advisory lock of a key; the other is its hash. */
const KEY_LOCK = 7_283_004;

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
