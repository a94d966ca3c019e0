// Asking the control plane for what an attempt cannot go on without: until it answers.
import { toAppError, type AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Kit } from '../base/kit.ts';

const RETRY = { firstMs: 100, maxMs: 5_000 };

/** Answers after which the same question is not worth asking again. */
const FINAL: ReadonlySet<string> = new Set([
  'ATTEMPT_STALE',
  'BAD_REQUEST',
  'BODY_TOO_LARGE',
  // To wait for it could keep the very slot that the build needs.
  'BUILD_IN_PROGRESS',
  'DAEMON_REPLACED',
  'NOT_FOUND',
  'PREBUILD_GONE',
]);

/**
 * Whether the control plane itself has refused for good. A proxy's error page and a key that is being
 * changed are no such refusals: they pass.
 */
export function isFinal(error: AppError): boolean {
  return FINAL.has(error.code);
}

/** Asks again, ever more slowly, until there is an answer. Rejects with a final one, or when aborted. */
export async function askUntilAnswered<T>(
  kit: Kit,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  const backoff = createBackoff(kit.rng, RETRY);
  for (;;) {
    try {
      return await ask();
    } catch (thrown) {
      signal.throwIfAborted();
      const error = toAppError(thrown);
      if (isFinal(error)) throw error;
      kit.log.warn('control_plane.asked_again', { error });
    }
    await kit.clock.sleep(backoff.nextMs(), signal);
  }
}
