// What becomes of a person's workspace by itself: when it is stopped, and when it is deleted. Pure; the
// executor reads, asks here, and writes.
import type { Instant } from '../../base/clock.ts';
import { isEnded, type JobStatus, type Transition } from '../job/job.ts';
import { retryAt } from '../job/retry-at.ts';

/** Why a workspace is changed without anybody asking; the reason of the build that does it. */
export const LIFE_REASONS = {
  deadline: 'when its time to live was over',
  max_lifetime: 'when it had lived for as long as its template allows',
} as const;
export type LifeReason = keyof typeof LIFE_REASONS;

export interface LatestBuild {
  readonly transition: Transition;
  readonly jobStatus: JobStatus;
  /** Null while it is under way. */
  readonly endedAt: Instant | null;
  /** How many of its kind in a row did not succeed; 0 when it did. */
  readonly tries: number;
}

export interface Life {
  /** When what runs is to be stopped. */
  readonly deadlineAt: Instant | null;
  /** When it is to be deleted. */
  readonly lifetimeEndsAt: Instant | null;
  readonly latest: LatestBuild;
}

export interface LifeStep {
  readonly transition: Transition;
  readonly reason: LifeReason;
}

export interface LifeDecision {
  /** The build to begin; null: none now. */
  readonly step: LifeStep | null;
  /** When to look again; null: when something changes. */
  readonly dueAt: Instant | null;
}

/** What is due at `now`. A build that is under way is waited for: its end has the workspace looked at again. */
export function decideLife(life: Life, now: Instant): LifeDecision {
  if (!isEnded(life.latest.jobStatus)) return { step: null, dueAt: null };
  const steps = findSteps(life);
  const due = steps.find(({ at }) => at <= now);
  if (due !== undefined) {
    const { transition, reason } = due;
    return { step: { transition, reason }, dueAt: null };
  }
  return { step: null, dueAt: steps.length === 0 ? null : Math.min(...steps.map(({ at }) => at)) };
}

interface PlannedStep extends LifeStep {
  readonly at: Instant;
}

/** Everything that will be due unless something changes, the weightiest first. */
function findSteps(life: Life): readonly PlannedStep[] {
  const { deadlineAt, lifetimeEndsAt, latest } = life;
  const steps: PlannedStep[] = [];
  const plan = (at: Instant | null, { transition, reason }: LifeStep): void => {
    if (at !== null) steps.push({ at: notBeforeRetry(at, transition, latest), transition, reason });
  };
  plan(lifetimeEndsAt, { transition: 'delete', reason: 'max_lifetime' });
  if (mayRun(latest)) plan(deadlineAt, { transition: 'stop', reason: 'deadline' });
  return steps;
}

/**
 * Whether anything of it may run. A start that failed may have left something behind. What somebody began to
 * delete is theirs to finish: a stop would take their wish back.
 */
export function mayRun({
  transition,
  jobStatus,
}: Pick<LatestBuild, 'transition' | 'jobStatus'>): boolean {
  return transition === 'start' || (transition === 'stop' && jobStatus !== 'succeeded');
}

function notBeforeRetry(at: Instant, transition: Transition, latest: LatestBuild): Instant {
  const { endedAt, tries } = latest;
  if (latest.transition !== transition || tries === 0 || endedAt === null) return at;
  return Math.max(at, retryAt({ endedAt, tries }));
}
