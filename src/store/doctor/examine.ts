// All checks in one transaction, each within a time of its own, so that looking costs a bounded time
// and a check that is slow on a large database leaves the others their answers. Nothing is changed.
import { count, instant, int, json, nullable, text } from '../column.ts';
import type { Transaction } from '../database.ts';
import { PREBUILD_SETTINGS, type StoredSettings } from '../settings.ts';
import { isOutOfTime } from '../sqlstate.ts';
import { statement, takes, type NoArgs } from '../statement.ts';
import type { Check } from './check.ts';

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly remedy: string;
  readonly total: number;
  /** The first of what it is about. */
  readonly subjects: readonly string[];
}

export interface Examination {
  readonly findings: readonly Finding[];
  /** The ids of checks that took longer than they may. */
  readonly unfinished: readonly string[];
}

const setTimeLimit = statement({
  name: 'doctor.set_time_limit',
  takes: takes<{ readonly ms: string }>(),
  gives: { limit: text },
  sql: `select set_config('statement_timeout', $ms, true) as limit`,
});

/** What the database says of itself. The clock is the server's own, which no test moves. */
export const readDatabaseFacts = statement({
  name: 'doctor.read_facts',
  takes: takes<NoArgs>(),
  gives: {
    serverVersion: text,
    now: instant,
    settings: nullable(json<StoredSettings>()),
    /** Null while nobody leads. */
    leaseHolder: nullable(text),
    leaseExpiresAt: nullable(instant),
    daemons: count,
    daemonsSeen: int,
    daemonLastSeenAt: nullable(instant),
    pools: count,
    livePrebuilds: count,
    /** When the first of the workspaces that are over and still known was deleted. */
    firstDeletedAt: nullable(instant),
  },
  sql: `
    select current_setting('server_version') as server_version,
      clock_timestamp() as now,
      (select jsonb_build_object('document', value)
        from settings where name = '${PREBUILD_SETTINGS}') as settings,
      l.holder::text as lease_holder,
      l.expires_at as lease_expires_at,
      (select count(*) from daemons) as daemons,
      (select count(*)::integer
        from daemons
        where last_seen_at >= (select standby_now()) - interval '60 seconds') as daemons_seen,
      (select max(last_seen_at) from daemons) as daemon_last_seen_at,
      (select count(*) from pools) as pools,
      (select count(*) from pool_members) as live_prebuilds,
      (select min(deleted_at) from workspaces) as first_deleted_at
    from (select) as one
    left join leases l on l.name = 'reconciler'`,
});

export async function examine(
  tx: Transaction,
  checks: readonly Check[],
  { checkTimeoutMs }: { readonly checkTimeoutMs: number },
): Promise<Examination> {
  const findings: Finding[] = [];
  const unfinished: string[] = [];
  await setTimeLimit.one(tx, { ms: String(checkTimeoutMs) });
  for (const { id, title, remedy, find } of checks) {
    try {
      const found = await tx.savepoint(() => find.all(tx, {}));
      const [first] = found;
      if (first === undefined) continue;
      const subjects = found.map(({ subject }) => subject);
      findings.push({ id, title, remedy, total: first.total, subjects });
    } catch (error) {
      if (!isOutOfTime(error)) throw error;
      unfinished.push(id);
    }
  }
  return { findings, unfinished };
}
