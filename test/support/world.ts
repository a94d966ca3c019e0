// Everything that people can change in a database, as one value: what a test compares before and after.
import type { ConnectionParts } from '../../src/store/database.ts';
import { ask } from './postgres.ts';

const TABLES = [
  ...['organizations', 'users', 'memberships', 'tokens', 'files', 'templates'],
  ...['template_versions', 'presets', 'pools', 'workspaces', 'builds', 'jobs', 'judged_builds'],
] as const;
// What signs of life change by themselves.
const BEATS = ['last_used_at', 'heartbeat_at', 'last_seen_at'];

/** By table: the rows, without what signs of life change in them. */
export type World = Readonly<Record<(typeof TABLES)[number], readonly object[]>>;

export async function readWorld(connection: ConnectionParts): Promise<World> {
  const beats = BEATS.map((name) => `'${name}'`).join(', ');
  const columns = TABLES.map(
    (table) =>
      `'${table}', (select coalesce(jsonb_agg(row order by row::text), '[]')
        from (select to_jsonb(t) - array[${beats}] as row from ${table} t) rows)`,
  );
  const [world] = await ask(connection, `select jsonb_build_object(${columns.join(', ')})`);
  return world as World;
}
