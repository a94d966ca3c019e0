// The heartbeat of one attempt: shows that it is alive, delivers its log lines, and learns whether to
// go on. That the control plane is away stops nothing: the work goes on and the lines wait.
import { toAppError, type AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Kit } from '../base/kit.ts';
import type { AttemptRef, ControlPlane } from './control-plane.ts';
import type { LogBuffer } from './log-buffer.ts';

export interface PulseDeps {
  readonly kit: Kit;
  readonly controlPlane: ControlPlane;
  readonly attempt: AttemptRef;
  readonly logs: LogBuffer;
  onCancel(): void;
  /** The attempt does not count any more. */
  onStale(error: AppError): void;
}

/** Log lines wait at most this long, so that a person who watches sees them come. */
const LOG_DELAY_MS = 1_000;
/** Between two heartbeats while more lines wait than fit one: 20,000 lines a second. */
const BACKLOG_PAUSE_MS = 50;

/** Beats every `intervalMs` until `signal` aborts or the attempt is stale. Never rejects. */
export async function beat(
  deps: PulseDeps,
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { kit, logs } = deps;
  const tickMs = Math.min(LOG_DELAY_MS, intervalMs);
  const backoff = createBackoff(kit.rng, { firstMs: tickMs, maxMs: intervalMs });
  let lastMs = kit.clock.monotonicMs();
  let waitMs = tickMs;
  while (await slept(kit, waitMs, signal)) {
    waitMs = tickMs;
    const nowMs = kit.clock.monotonicMs();
    if (logs.isEmpty && nowMs - lastMs < intervalMs) continue;
    try {
      await beatOnce(deps, signal);
      backoff.reset();
      lastMs = nowMs;
      if (!logs.isEmpty) waitMs = Math.min(BACKLOG_PAUSE_MS, tickMs);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toAppError(thrown);
      if (isAttemptOver(error)) {
        deps.onStale(error);
        return;
      }
      kit.log.warn('attempt.heartbeat_failed', { ...nameOf(deps.attempt), error });
      waitMs = backoff.nextMs();
    }
  }
}

/** One heartbeat with as many of the waiting lines as fit. */
export async function beatOnce(deps: PulseDeps, signal: AbortSignal): Promise<void> {
  const lines = deps.logs.peek();
  const answer = await deps.controlPlane.heartbeat(deps.attempt, lines, signal);
  if (answer.log_full) deps.logs.close();
  else deps.logs.delivered(lines);
  if (answer.cancel) deps.onCancel();
}

/** Answers after which nothing more can be said about the attempt. */
export function isAttemptOver(error: AppError): boolean {
  return ['ATTEMPT_STALE', 'DAEMON_REPLACED', 'NOT_FOUND'].includes(error.code);
}

export function nameOf(attempt: AttemptRef): { readonly jobId: string; readonly attempt: number } {
  return { jobId: attempt.jobId, attempt: attempt.attempt };
}

async function slept(kit: Kit, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await kit.clock.sleep(ms, signal);
    return true;
  } catch {
    return false; // aborted: the attempt has ended
  }
}
