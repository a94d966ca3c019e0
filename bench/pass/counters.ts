// What the product would have counted while the rows were written that stand there now.
import type pg from 'pg';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';

export async function writeCounters(client: pg.Client): Promise<void> {
  await client.query('delete from counter_totals');
  await client.query(
    `insert into counter_totals (counter, template_id, preset, labels, total)
     select 'prebuilds_created', l.template_id, l.preset_name, '{}'::jsonb, count(*)
     from workspaces w
     join pools l on l.id = w.pool_id
     group by l.id
     union all
     select 'prebuilds_claimed', l.template_id, l.preset_name, '{}'::jsonb, count(*)
     from claims c
     join pools l on l.id = c.pool_id
     group by l.id`,
  );
  await client.query(
    `insert into counter_totals (counter, labels, total)
     select 'builds_enqueued',
       jsonb_build_object(
         'kind', case when initiator_id = $1 then 'pool' else 'person' end,
         'transition', transition,
         'reason', reason,
         'status', 'queued') as labels,
       count(*)
     from builds
     group by labels`,
    [PREBUILDS_USER_ID],
  );
}
