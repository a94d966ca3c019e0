// Waiting for what a check asserts, as `expect.poll` waits for one value.
import { vi } from 'vitest';
import { PATIENCE_MS } from './patience.ts';

/** Until `check` no longer throws; gives what it gave. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 20 });
}
