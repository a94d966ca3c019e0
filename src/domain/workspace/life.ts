// What becomes of a person's workspace by itself: when it is started, stopped and deleted. Pure; the executor
// reads, asks here, and writes.
import type { Instant } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/error-catalog.ts';
import { isEnded, type JobStatus, type Transition } from '../job/job.ts';
import { retryAt } from '../job/retry-at.ts';
import { findNextStart, type StartSchedule } from '../schedule/next-start.ts';

/** Why a workspace is changed without anybody asking; the reason of the build that does it. */
export const LIFE_REASONS = {
  deadline: 'when its time to live was over',
  max_lifetime: 'when it had lived for as long as its template allows',
  autostart: 'when its schedule said so',
  idle: 'when nobody had used it for as long as it may run unused',
  dormant: 'when it had become dormant',
  dormant_too_long: 'when it had been dormant for as long as such are kept',
} as const;
export type LifeReason = keyof typeof LIFE_REASONS;

const ENDS: readonly LifeReason[] = ['max_lifetime', 'dormant_too_long'];

/** Why its template has a workspace deleted; undefined where the build of this reason is for something else. */
export function findEndOfLife(reason: string): LifeReason | undefined {
  return ENDS.find((end) => end === reason);
}

/** Why a workspace was not started by its schedule, and what to do about it. */
export interface StartRefusal {
  readonly code: ErrorCode;
  /** What failed, with which value. */
  readonly detail: string;
  readonly hint: string;
}

/** What a workspace is given when somebody gets it, in seconds; null: no limit. */
export interface GrantedLife {
  /** How long it runs after each start. */
  readonly ttlSeconds: number | null;
  /** How long it lives in all. */
  readonly lifetimeSeconds: number | null;
  /** For how long nobody may use it while it runs. */
  readonly idleStopSeconds: number | null;
  /** After how long without use it becomes dormant. */
  readonly dormantAfterSeconds: number | null;
  /** For how long it is kept then. */
  readonly deleteDormantAfterSeconds: number | null;
}

/**
 * How late a start by schedule still makes sense. Who comes at nine to a workspace that could not be started at
 * eight wants it; at noon it would run for nobody.
 */
const LATEST_START_MS = 3_600_000;

export interface LatestBuild {
  readonly transition: Transition;
  readonly jobStatus: JobStatus;
  readonly reason: string;
  readonly createdAt: Instant;
  /** Null while it is under way. */
  readonly endedAt: Instant | null;
  /** How many of its kind in a row failed; 0 when it did not. What somebody canceled has not. */
  readonly tries: number;
}

type Rest = Pick<
  GrantedLife,
  'idleStopSeconds' | 'dormantAfterSeconds' | 'deleteDormantAfterSeconds'
>;

export interface Life extends Rest {
  /** When what runs is to be stopped. */
  readonly deadlineAt: Instant | null;
  /** When it is to be deleted. */
  readonly lifetimeEndsAt: Instant | null;
  readonly autostart: StartSchedule | null;
  /** When it is to be started next. */
  readonly nextStartAt: Instant | null;
  readonly lastUsedAt: Instant;
  /** Since when it is dormant: stopped, and not to be started until somebody wakes it. */
  readonly dormantAt: Instant | null;
  /** Its template is there, and its owner may have it. */
  readonly mayStart: boolean;
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
  readonly dormantAt: Instant | null;
  /** When to look again; null: when something changes. */
  readonly dueAt: Instant | null;
}

/** What is due at `now`. A build that is under way is waited for: its end has the workspace looked at again. */
export function decideLife(life: Life, now: Instant): LifeDecision {
  const { latest, nextStartAt } = life;
  if (!isEnded(latest.jobStatus)) {
    return { step: null, nextStartAt, dormantAt: life.dormantAt, dueAt: null };
  }
  const restsAt = findRest(life);
  const dormantAt = restsAt !== null && restsAt <= now ? now : life.dormantAt;
  const ends = findEnds({ ...life, dormantAt });
  const due = ends.find(({ at }) => at <= now);
  if (due !== undefined) {
    const { transition, reason } = due;
    // A start that is due at the same moment follows when this has ended.
    return { step: { transition, reason }, nextStartAt, dormantAt, dueAt: null };
  }
  const next = followingStart(life, now);
  if (dormantAt === null && isToStart(life, now)) {
    const step = { transition: 'start', reason: 'autostart' } as const;
    return { step, nextStartAt: next, dormantAt, dueAt: null };
  }
  const ahead = [...ends.map(({ at }) => at), next, dormantAt === null ? restsAt : null];
  return { step: null, nextStartAt: next, dormantAt, dueAt: earliest(ahead) };
}

function earliest(instants: readonly (Instant | null)[]): Instant | null {
  const known = instants.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** When it becomes dormant unless somebody uses it; null where it is, or never does. */
function findRest({ dormantAt, dormantAfterSeconds, lastUsedAt }: Life): Instant | null {
  return dormantAt === null ? after(lastUsedAt, dormantAfterSeconds) : null;
}

function after(at: Instant | null, seconds: number | null): Instant | null {
  return at === null || seconds === null ? null : at + seconds * 1_000;
}

interface End extends LifeStep {
  readonly at: Instant;
}

/** What will end it or its run unless something changes, the weightiest first. */
function findEnds(life: Life): readonly End[] {
  const { deadlineAt, lifetimeEndsAt, dormantAt, latest } = life;
  const ends: End[] = [];
  const plan = (at: Instant | null, { transition, reason }: LifeStep): void => {
    if (at !== null) ends.push({ at: notBeforeRetry(at, transition, latest), transition, reason });
  };
  plan(lifetimeEndsAt, { transition: 'delete', reason: 'max_lifetime' });
  const keptUntil = after(dormantAt, life.deleteDormantAfterSeconds);
  plan(keptUntil, { transition: 'delete', reason: 'dormant_too_long' });
  if (!mayRun(latest)) return ends;
  plan(dormantAt, { transition: 'stop', reason: 'dormant' });
  plan(deadlineAt, { transition: 'stop', reason: 'deadline' });
  plan(findIdleEnd(life), { transition: 'stop', reason: 'idle' });
  return ends;
}

/** Nobody can use it before it has started, so its idle time counts from there at the earliest. */
function findIdleEnd({ lastUsedAt, idleStopSeconds, latest }: Life): Instant | null {
  const startedAt = latest.transition === 'start' ? latest.endedAt : null;
  return after(Math.max(lastUsedAt, startedAt ?? lastUsedAt), idleStopSeconds);
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

/**
 * A start that failed is tried again at the next time, as is whatever else is neither running nor to be deleted. What
 * somebody has begun since then is their last word.
 */
function isToStart({ nextStartAt, mayStart, latest }: Life, now: Instant): boolean {
  if (nextStartAt === null || nextStartAt > now || !mayStart) return false;
  if (now - nextStartAt > LATEST_START_MS) return false;
  const { transition, jobStatus, createdAt, reason } = latest;
  if (createdAt >= nextStartAt && !Object.hasOwn(LIFE_REASONS, reason)) return false;
  return transition === 'stop' || (transition === 'start' && jobStatus !== 'succeeded');
}
