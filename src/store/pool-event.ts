// What happened in pools, for people: never read by a decision.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { statement, takes } from './statement.ts';

export const insertPoolEvent = statement({
  name: 'pool_event.insert',
  takes: takes<{
    readonly id: string;
    readonly poolId: PoolId;
    readonly kind: string;
    readonly workspaceId: WorkspaceId | null;
    readonly reason: string | null;
    readonly details: string;
  }>(),
  gives: {},
  sql: `
    insert into pool_events (id, pool_id, kind, workspace_id, reason, details, at)
    values ($id, $poolId, $kind, $workspaceId::uuid, $reason::text, $details::jsonb, standby_now())`,
});
