// What `standby doctor` finds: the schema first, without which nothing can be asked; then every check.
import { AppError } from '../../base/app-error.ts';
import { formatInstant, type Clock } from '../../base/clock.ts';
import type { Database } from '../../store/database.ts';
import { CHECKS } from '../../store/doctor/all.ts';
import { examine, readDatabaseFacts, type Finding } from '../../store/doctor/examine.ts';
import { listMissing } from '../../store/migrate.ts';
import { parsePrebuildSettings, type StoredSettings } from '../../store/settings.ts';
import { readOwnMigrations } from '../server/open-database.ts';

export interface DoctorReport {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
  /** The ids of checks that could not be made, or took too long. */
  readonly unfinished: readonly string[];
  readonly facts: Readonly<Record<string, string | number>>;
}

/** A check reads history where it has to; more than this on a large database is not worth the load. */
const CHECK_TIMEOUT_MS = 10_000;
/** Nothing is decided by the clocks of processes, but logs and certificates mislead. */
const MAX_CLOCK_DIFFERENCE_MS = 5_000;

export async function examineInstallation(
  clock: Pick<Clock, 'now'>,
  database: Database,
): Promise<DoctorReport> {
  const schema = await findSchemaFault(database);
  if (schema !== undefined) {
    const unfinished = CHECKS.map(({ id }) => id);
    return { healthy: false, findings: [schema], unfinished, facts: {} };
  }
  const { row, times, findings, unfinished } = await database.transaction(
    async (tx) => {
      const askedAt = clock.now();
      const read = await readDatabaseFacts.one(tx, {});
      const answeredAt = clock.now();
      const examined = await examine(tx, CHECKS, { checkTimeoutMs: CHECK_TIMEOUT_MS });
      return { row: read, times: { askedAt, answeredAt }, ...examined };
    },
    { mode: 'snapshot' },
  );
  const all = [...findings, ...findClockFault(row.now, times), ...findSettingsFault(row.settings)];
  const facts = {
    postgresql: row.serverVersion,
    leader: describeLeader(row),
    daemons: describeDaemons(row),
    pools: row.pools,
    live_prebuilds: row.livePrebuilds,
    history: row.firstDeletedAt === null ? 'none' : `since ${formatInstant(row.firstDeletedAt)}`,
  };
  return { healthy: all.length === 0, findings: all, unfinished, facts };
}

async function findSchemaFault(database: Database): Promise<Finding | undefined> {
  const title = 'the schema is not the one of this version';
  try {
    const missing = await listMissing(database, await readOwnMigrations());
    if (missing.length === 0) return undefined;
    const remedy = '`standby migrate`, or the start of a control plane, brings it up to date.';
    return { id: 'schema.behind', title, remedy, total: missing.length, subjects: missing };
  } catch (error) {
    if (!(error instanceof AppError) || !/^SCHEMA_/.test(error.code)) throw error;
    const id = error.code === 'SCHEMA_NEWER' ? 'schema.newer' : 'schema.changed';
    return { id, title, remedy: error.hint, total: 1, subjects: [error.detail] };
  }
}

function findSettingsFault(stored: StoredSettings | null): readonly Finding[] {
  try {
    parsePrebuildSettings(stored);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const title = 'the stored settings cannot be read, and no pool is reconciled';
    const { detail, hint: remedy } = error;
    return [{ id: 'settings.unreadable', title, remedy, total: 1, subjects: [detail] }];
  }
}

/** The answer was given between the two moments. */
function findClockFault(
  databaseNow: number,
  { askedAt, answeredAt }: { readonly askedAt: number; readonly answeredAt: number },
): readonly Finding[] {
  const aheadMs = Math.max(databaseNow - answeredAt, 0);
  const behindMs = Math.max(askedAt - databaseNow, 0);
  const apartMs = Math.max(aheadMs, behindMs);
  if (apartMs <= MAX_CLOCK_DIFFERENCE_MS) return [];
  const way = aheadMs > 0 ? 'ahead of' : 'behind';
  return [
    {
      id: 'clock.apart',
      title: "the database's clock and this machine's are apart",
      remedy: 'Let both be set by NTP. Standby decides by the database alone; logs mislead.',
      total: 1,
      subjects: [`the database is ${(apartMs / 1000).toFixed(1)} s ${way} this machine`],
    },
  ];
}

type Row = Awaited<ReturnType<typeof readDatabaseFacts.one>>;

function describeLeader({ leaseHolder, leaseExpiresAt, now }: Row): string {
  if (leaseHolder === null || leaseExpiresAt === null) return 'none yet';
  const until = formatInstant(leaseExpiresAt);
  return leaseExpiresAt > now ? `${leaseHolder} until ${until}` : `none since ${until}`;
}

function describeDaemons({ daemons, daemonsSeen, daemonLastSeenAt }: Row): string {
  if (daemonLastSeenAt === null) return 'none yet';
  const last = `the last at ${formatInstant(daemonLastSeenAt)}`;
  return `${daemonsSeen} of ${daemons} seen within a minute, ${last}`;
}
