// What the database holds of every workspace there ever was, for the checker.
import type { Executor } from '../../../src/store/statement.ts';
import { PREBUILDS_USER_ID } from '../../../src/store/system-user.ts';
import type { RecordedWorkspace } from './check.ts';

const RECORD = `
  select jsonb_build_object(
    'id', w.id,
    'owner', case when w.owner_id <> $1 then o.username end,
    'name', w.name,
    'epoch', w.epoch,
    'origin', w.origin,
    'isDeleted', w.deleted_at is not null or d.workspace_id is not null,
    'isMember', m.workspace_id is not null,
    'handedOver', coalesce(h.hand_overs, '[]'),
    'poolBuiltAt', p.at)
  from workspaces w
  join users o on o.id = w.owner_id
  left join pool_members m on m.workspace_id = w.id
  left join (
    select distinct workspace_id from builds where transition = 'delete'
  ) d on d.workspace_id = w.id
  left join (
    select workspace_id, max(extract(epoch from created_at)) as at
    from builds
    where initiator_id = $1
    group by workspace_id
  ) p on p.workspace_id = w.id
  left join (
    select c.workspace_id, jsonb_agg(jsonb_build_object(
      'owner', u.username, 'epoch', c.epoch, 'at', extract(epoch from c.at))) as hand_overs
    from claims c
    join users u on u.id = c.user_id
    where c.outcome in ('hit', 'failed', 'taken')
    group by c.workspace_id
  ) h on h.workspace_id = w.id`;

export async function readRecord(database: Executor): Promise<readonly RecordedWorkspace[]> {
  const { rows } = await database.query({
    name: 'test.soak_record',
    text: RECORD,
    values: [PREBUILDS_USER_ID],
  });
  return rows.map(([workspace]) => workspace as RecordedWorkspace);
}
