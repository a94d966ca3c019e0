// What happened in pools, for people: never read by a decision.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { asJson, statement, takes, type Deferring } from './statement.ts';

export interface NewPoolEvent {
  readonly id: string;
  readonly poolId: PoolId;
  readonly kind: string;
  readonly workspaceId: WorkspaceId | null;
  readonly reason: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

const insertPoolEventRows = statement({
  name: 'pool_event.insert',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    insert into pool_events (id, pool_id, kind, workspace_id, reason, details, at)
    select r.id, r."poolId", r.kind, r."workspaceId", r.reason, r.details, standby_now()
    from jsonb_to_recordset($rows::jsonb) as r (
      id uuid, "poolId" uuid, kind text, "workspaceId" uuid, reason text, details jsonb)`,
});

export function insertPoolEvents(tx: Deferring, events: readonly NewPoolEvent[]): void {
  if (events.length > 0) insertPoolEventRows.later(tx, { rows: asJson(events) });
}
