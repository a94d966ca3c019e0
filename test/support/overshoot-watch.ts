// Notes in the database, as prebuilds are made, whether their preset then has more living ones than it
// wants: whatever was written, and by whom. For pools without schedules and overrides.
import type { TestStore } from './store.ts';

const WATCH = `
  create table overshoots (pool_id uuid, live integer, target integer);

  create function note_overshoot() returns trigger language plpgsql as $$
  begin
    insert into overshoots
    select m.pool_id, count(*), p.desired_instances
    from pool_members m
    join presets p on p.id = m.preset_id
    join jobs j on j.id = m.job_id
    where m.preset_id in (select preset_id from made)
      and m.transition = 'start'
      and m.broken is null
      and j.status in ('pending', 'running', 'succeeded')
    group by m.pool_id, p.id
    having count(*) > p.desired_instances;
    return null;
  end $$;

  create trigger note_overshoot after insert on pool_members
    referencing new table as made
    for each statement execute function note_overshoot()`;

export async function watchOvershoots(store: TestStore): Promise<void> {
  await store.sql(WATCH);
}

export function findOvershoots(store: TestStore): Promise<readonly unknown[]> {
  return store.sql('select * from overshoots');
}
