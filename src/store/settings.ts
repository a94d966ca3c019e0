// The settings document, and the lock that orders its change with everything it governs.
import { AppError } from '../base/app-error.ts';
import { PAUSE_LOCK } from './advisory-lock.ts';
import { json, text } from './column.ts';
import { asJson, statement, takes, type Executor, type NoArgs } from './statement.ts';

/** The row of `settings` that holds the document about prebuilds. */
export const PREBUILD_SETTINGS = 'prebuilds';

/** In an object, so that a stored null is not taken for a row that is not there. */
export interface StoredSettings {
  readonly document: unknown;
}

export interface PrebuildSettings {
  readonly reconciliationPaused: boolean;
}

/**
 * What the stored document says; null is an absent row. Throws SETTINGS_UNREADABLE for anything
 * else: what cannot be read must never count as "not paused".
 */
export function parsePrebuildSettings(stored: StoredSettings | null): PrebuildSettings {
  if (stored === null) return { reconciliationPaused: false };
  const { document } = stored;
  const paused = isRecord(document) ? document['reconciliation_paused'] : undefined;
  if (typeof paused === 'boolean') return { reconciliationPaused: paused };
  throw new AppError('SETTINGS_UNREADABLE', {
    detail: `the stored settings of prebuilds are ${JSON.stringify(document)}`,
  });
}

const lock = statement({
  name: 'settings.lock_pause',
  takes: takes<NoArgs>(),
  gives: { locked: text },
  sql: `select pg_advisory_xact_lock(${PAUSE_LOCK})::text as locked`,
});

const find = statement({
  name: 'settings.find',
  takes: takes<NoArgs>(),
  gives: { stored: json<StoredSettings>() },
  sql: `
    select jsonb_build_object('document', value) as stored
    from settings
    where name = '${PREBUILD_SETTINGS}'`,
});

const store = statement({
  name: 'settings.store',
  takes: takes<{ readonly document: string }>(),
  gives: {},
  sql: `
    insert into settings (name, value)
    values ('${PREBUILD_SETTINGS}', $document::jsonb)
    on conflict (name) do update
    set value = excluded.value`,
});

/**
 * Waits until nobody acts for a pool, and keeps everybody from it until the end of the transaction.
 * Whoever holds this takes no pool's lock: those who have one may wait for this.
 */
export async function lockPause(on: Executor): Promise<void> {
  await lock.one(on, {});
}

/** Null: never stored. */
export async function findPrebuildSettings(on: Executor): Promise<StoredSettings | null> {
  return (await find.maybe(on, {}))?.stored ?? null;
}

/** Under the lock of `lockPause`. */
export async function storePrebuildSettings(
  on: Executor,
  { reconciliationPaused }: PrebuildSettings,
): Promise<void> {
  await store.run(on, { document: asJson({ reconciliation_paused: reconciliationPaused }) });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
