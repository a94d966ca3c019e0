// What becomes of a person's workspace by itself: when it is started, stopped and deleted. Pure; the executor
// reads, asks here, and writes.
import type { Instant } from '../../base/clock.ts';
import { isEnded, type JobStatus, type Transition } from '../job/job.ts';
import { retryAt } from '../job/retry-at.ts';
import { findNextStart, type StartSchedule } from '../schedule/next-start.ts';

/** Why a workspace is changed without anybody asking; the reason of the build that does it. */
export const LIFE_REASONS = {
  deadline: 'when its time to live was over',
  max_lifetime: 'when it had lived for as long as its template allows',
  autostart: 'when its schedule said so',
} as const;
export type LifeReason = keyof typeof LIFE_REASONS;

/**
 * How late a start by schedule still makes sense. Who comes at nine to a workspace that could not be started at
 * eight wants it; at noon it would run for nobody.
 */
const LATEST_START_MS = 3_600_000;

export interface LatestBuild {
  readonly transition: Transition;
  readonly jobStatus: JobStatus;
  /** Null while it is under way, and where it makes no difference. */
  readonly endedAt: Instant | null;
  /** How many of its kind in a row did not succeed; 0 when it did. */
  readonly tries: number;
}

export interface Life {
  /** When what runs is to be stopped. */
  readonly deadlineAt: Instant | null;
  /** When it is to be deleted. */
  readonly lifetimeEndsAt: Instant | null;
  readonly autostart: StartSchedule | null;
  /** When it is to be started next. */
  readonly nextStartAt: Instant | null;
  /** What is deleted is built no more. */
  readonly isTemplateDeleted: boolean;
  readonly latest: LatestBuild;
}

export interface LifeStep {
  readonly transition: Transition;
  readonly reason: LifeReason;
}

export interface LifeDecision {
  /** The build to begin; null: none now. */
  readonly step: LifeStep | null;
  readonly nextStartAt: Instant | null;
  /** When to look again; null: when something changes. */
  readonly dueAt: Instant | null;
}

/** What is due at `now`. A build that is under way is waited for: its end has the workspace looked at again. */
export function decideLife(life: Life, now: Instant): LifeDecision {
  const { nextStartAt } = life;
  if (!isEnded(life.latest.jobStatus)) return { step: null, nextStartAt, dueAt: null };
  const ends = findEnds(life);
  const due = ends.find(({ at }) => at <= now);
  if (due !== undefined) {
    const { transition, reason } = due;
    // A start that is due at the same moment follows when this has ended.
    return { step: { transition, reason }, nextStartAt, dueAt: null };
  }
  const next = followingStart(life, now);
  if (isToStart(life, now)) {
    return { step: { transition: 'start', reason: 'autostart' }, nextStartAt: next, dueAt: null };
  }
  const ahead = ends.map(({ at }) => at).concat(next ?? []);
  return { step: null, nextStartAt: next, dueAt: ahead.length === 0 ? null : Math.min(...ahead) };
}

interface End extends LifeStep {
  readonly at: Instant;
}

/** What will end it or its run unless something changes, the weightiest first. */
function findEnds(life: Life): readonly End[] {
  const { deadlineAt, lifetimeEndsAt, latest } = life;
  const ends: End[] = [];
  const plan = (at: Instant | null, { transition, reason }: LifeStep): void => {
    if (at !== null) ends.push({ at: notBeforeRetry(at, transition, latest), transition, reason });
  };
  plan(lifetimeEndsAt, { transition: 'delete', reason: 'max_lifetime' });
  if (mayRun(latest)) plan(deadlineAt, { transition: 'stop', reason: 'deadline' });
  return ends;
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

/** The one that is known while it lies ahead; what has passed is done with, whatever came of it. */
function followingStart({ autostart, nextStartAt }: Life, now: Instant): Instant | null {
  if (autostart === null) return null;
  return nextStartAt !== null && nextStartAt > now ? nextStartAt : findNextStart(autostart, now);
}

/** A start that failed is tried again at the next time, as is whatever else is neither running nor to be deleted. */
function isToStart({ nextStartAt, isTemplateDeleted, latest }: Life, now: Instant): boolean {
  if (nextStartAt === null || nextStartAt > now || isTemplateDeleted) return false;
  if (now - nextStartAt > LATEST_START_MS) return false;
  const { transition, jobStatus } = latest;
  return transition === 'stop' || (transition === 'start' && jobStatus !== 'succeeded');
}
