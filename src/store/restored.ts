// A database that was put back from a backup knows nothing of claims made since. Whatever it takes for a
// prebuild has to prove that nobody was given it: an agent says whom it has served, and what has no agent
// can prove nothing and is replaced.
import type { PoolId, WorkspaceId } from '../base/id.ts';
import { RESTORED } from '../domain/pool/member.ts';
import { bool, uuid } from './column.ts';
import type { Database, Transaction } from './database.ts';
import { asJson, statement, takes, type NoArgs } from './statement.ts';

/** The row of `settings` that says where the database was last seen. */
const PLACE = 'database_place';

/**
 * The cluster, its timeline, and the database in it: a dump that is read in has another place, and so
 * has a cluster that was recovered to a point in time, or whose standby took over. A snapshot of the
 * disk has not: whoever puts one back says so.
 */
const HERE = `(
  select to_jsonb(concat_ws('/', system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
    (select oid from pg_database where datname = current_database())))
  from pg_control_system())`;

const isElsewhere = statement({
  name: 'restored.is_elsewhere',
  takes: takes<NoArgs>(),
  gives: { elsewhere: bool },
  sql: `
    select not exists (
      select
      from settings
      where name = '${PLACE}'
        and value = ${HERE}) as elsewhere`,
});

/** Gives a row when the database was somewhere else before. */
const notePlace = statement({
  name: 'restored.note_place',
  takes: takes<NoArgs>(),
  gives: { moved: bool },
  sql: `
    insert into settings (name, value)
    values ('${PLACE}', ${HERE})
    on conflict (name) do update
    set value = excluded.value
    where settings.value <> excluded.value
    -- A row that was there has been locked, and bears the mark of it.
    returning xmax <> 0 as moved`,
});

const lockAllMembers = statement({
  name: 'restored.lock_members',
  takes: takes<NoArgs>(),
  gives: { workspaceId: uuid<WorkspaceId>(), poolId: uuid<PoolId>(), hasAgent: bool },
  sql: `
    select m.workspace_id, m.pool_id,
      exists (
        select
        from agents a
        where a.workspace_id = m.workspace_id
          and a.kind = 'program') as has_agent
    from pool_members m
    where m.transition = 'start'
    order by m.workspace_id
    for update of m`,
});

const distrust = statement({
  name: 'restored.distrust',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    with given as materialized (
      select *
      from jsonb_to_recordset($rows::jsonb) as r ("workspaceId" uuid, "hasAgent" boolean)
    ), unheard as (
      -- Until they are heard again: an agent that has served somebody says so before it counts as ready.
      update agents a
      set lifecycle = 'created',
        last_seen_at = null
      from given
      where a.workspace_id = given."workspaceId"
        and given."hasAgent"
    )
    update pool_members m
    set ready = false,
      broken = case when given."hasAgent" then m.broken else '${RESTORED}' end,
      unready_since = case
        when m.running_since is not null
          then coalesce(m.unready_since, (select standby_now()))
      end
    from given
    where m.workspace_id = given."workspaceId"`,
});

export interface Distrusted {
  /** Not claimable until their agents are heard. */
  readonly asked: number;
  /** Replaced by their pools. */
  readonly replaced: number;
}

/** Undefined when the database is where it was. Any number of programs may ask at once. */
export async function distrustIfMoved(database: Database): Promise<Distrusted | undefined> {
  if (!(await isElsewhere.one(database, {})).elsewhere) return undefined;
  return database.transaction(async (tx) => {
    const noted = await notePlace.maybe(tx, {});
    return noted?.moved === true ? distrustAll(tx) : undefined;
  });
}

/** What the database takes for prebuilds has to prove it. */
export function distrustPrebuilds(database: Database): Promise<Distrusted> {
  return database.transaction((tx) => distrustAll(tx));
}

async function distrustAll(tx: Transaction): Promise<Distrusted> {
  const members = await lockAllMembers.all(tx, {});
  await distrust.run(tx, { rows: asJson(members) });
  for (const { workspaceId } of members) tx.notify({ kind: 'workspace', workspaceId });
  for (const poolId of new Set(members.map((member) => member.poolId))) {
    tx.notify({ kind: 'pool', poolId });
  }
  const asked = members.filter(({ hasAgent }) => hasAgent).length;
  return { asked, replaced: members.length - asked };
}
