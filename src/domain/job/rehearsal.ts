// The rehearsal of a claim: a plan of what it would destroy, made once for each preset with a pool.
import { isTemplateFault } from './failure.ts';
import type { JobResult } from './job.ts';
import type { Replacement } from './replacement.ts';

/** Drivers that can plan a build without making it. */
export const PLANNING_DRIVERS: readonly string[] = ['terraform'];

export const REHEARSAL_STATUSES = {
  off: 'when the template wants none',
  not_applicable: 'when the driver of the template makes no plans',
  waiting: 'when the first good prebuild is still to come, or the former plan said nothing',
  running: 'when its canary is built, its job is queued, or a daemon works on it',
  clean: 'when a claim would destroy nothing',
  replaces: 'when a claim would destroy what was built ahead of time',
  failed: 'when what a claim does cannot be planned',
} as const;
export type RehearsalStatus = keyof typeof REHEARSAL_STATUSES;

/** How the job of one ended; void: it says nothing of the template, and the next good prebuild is another try. */
export type RehearsalOutcome = 'clean' | 'replaces' | 'failed' | 'void';

/** What is stored of one. */
export interface StoredRehearsal {
  readonly wish: 'report' | 'refuse' | 'off';
  readonly driver: string;
  /** Whether there is a row. */
  readonly isBegun: boolean;
  readonly outcome: RehearsalOutcome | null;
}

export function rehearsalStatus({
  wish,
  driver,
  isBegun,
  outcome,
}: StoredRehearsal): RehearsalStatus {
  if (wish === 'off') return 'off';
  if (!PLANNING_DRIVERS.includes(driver)) return 'not_applicable';
  if (!isBegun || outcome === 'void') return 'waiting';
  return outcome ?? 'running';
}

export interface EndedRehearsal {
  readonly result: JobResult;
  readonly findings: readonly Replacement[];
  /** Nobody has claimed the prebuild since, and it was not deleted. */
  readonly isStillThere: boolean;
}

export interface RehearsalEnd {
  readonly outcome: RehearsalOutcome;
  readonly error: string | null;
}

/** A plan is believed only where everything was there: what is being taken away differs, or cannot be read. */
export function judgeRehearsal({ result, findings, isStillThere }: EndedRehearsal): RehearsalEnd {
  if (result.outcome !== 'canceled' && !isStillThere) return { outcome: 'void', error: GONE };
  switch (result.outcome) {
    case 'succeeded':
      return { outcome: findings.length > 0 ? 'replaces' : 'clean', error: null };
    case 'failed': {
      const { error, errorCode } = result;
      return { outcome: isTemplateFault(errorCode) ? 'failed' : 'void', error };
    }
    case 'canceled':
      return { outcome: 'void', error: 'it was canceled' };
  }
}

const GONE = 'the prebuild was claimed or deleted meanwhile';

export interface PromotedPreset extends StoredRehearsal {
  readonly preset: string;
}

export interface Promotion {
  /** Presets whose claims would destroy something, or cannot be planned: it is refused. */
  readonly refused: readonly string[];
  /** Those that have to be rehearsed with a canary. */
  readonly begin: readonly string[];
  /** Those whose rehearsal is under way. */
  readonly awaited: readonly string[];
}

/** Whether a version may become the active one; nothing in it means that it may. */
export function judgePromotion(presets: readonly PromotedPreset[]): Promotion {
  const named = (...statuses: readonly RehearsalStatus[]): readonly string[] =>
    presets
      .filter((one) => one.wish === 'refuse' && statuses.includes(rehearsalStatus(one)))
      .map(({ preset }) => preset);
  return {
    refused: named('replaces', 'failed'),
    begin: named('waiting'),
    awaited: named('running'),
  };
}
