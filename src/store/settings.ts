// The settings document, and the lock that orders its change with everything it governs.
import { AppError } from '../base/app-error.ts';

/** The row of `settings` that holds the document about prebuilds. */
export const PREBUILD_SETTINGS = 'prebuilds';

/**
 * Advisory lock: shared by every transaction that acts for a pool, exclusive for the one that
 * changes the pause, so that no pool write follows once a pause was answered. Taken after the
 * pool's row, held to the end of the transaction.
 */
export const PAUSE_LOCK = 7_283_002;

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

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
