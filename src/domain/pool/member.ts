// One unclaimed, undeleted prebuild as the live pool keeps it, and what its latest build makes of it.
import type { Instant } from '../../base/clock.ts';
import type { PresetId, WorkspaceId } from '../../base/id.ts';
import type { JobStatus, Transition } from '../job/job.ts';

export interface PoolMember {
  readonly workspaceId: WorkspaceId;
  readonly presetId: PresetId;
  /** Of the latest build. */
  readonly buildNumber: number;
  readonly transition: Transition;
  /** Of the latest build; null when it runs, since nobody needs to look it up then. */
  readonly job: MemberJob | null;
  /** When its first build was first acquired; null before that build has ended. */
  readonly bornAt: Instant | null;
  /** When its latest build, a start, succeeded; null while it is not running. */
  readonly runningSince: Instant | null;
  /** Ready at this moment. */
  readonly ready: boolean;
  /** When readiness was lost, by report or by silence; null when it is ready or never was. */
  readonly lostAt: Instant | null;
  /** Why it can never become ready again. */
  readonly broken: string | null;
}

/**
 * Why a member is broken whose processes a daemon finds gone that was started after they were built, as
 * by a reboot: it is replaced like any unhealthy one, and its template has nothing to do with it.
 */
export const GONE = 'gone';

/**
 * The same where the very daemon that built it has lived on: nothing but they themselves ended. It
 * counts as a failed build, or a template that ends its own supervisor would have its pool build
 * without any brake.
 */
export const DIED = 'died';

/**
 * Why a member is broken whose agent says that it has served an owner whom the database does not
 * know. Nobody but the agent says so, and its template runs beside it: it counts as a failed build
 * like anything else that a template may do, or it could have its pool build without any brake.
 */
export const CLAIM_FORGOTTEN = 'claim_forgotten';

/**
 * Why a member is broken that was there when the database was put back from a backup and has no agent
 * to say that nobody has claimed it since: it is replaced, which is no fault of its template.
 */
export const RESTORED = 'restored';

/**
 * Why a member is broken that was taken for somebody whose claim its agents did not answer. It was to be
 * somebody's, so nobody else is given it. A second of silence proves nothing about its template, and
 * there is one of these for a claim at most three times: it counts as no failed build.
 */
export const UNANSWERED = 'unanswered';

export interface MemberJob {
  readonly status: JobStatus;
  /** 0: nobody ever took it. */
  readonly attempt: number;
  readonly completedAt: Instant | null;
  /** Started by the prebuilds system user, not by a person. */
  readonly bySystem: boolean;
  /** Deletes of this workspace so far, this one among them. */
  readonly deletes: number;
}

/** What a member counts as, each with the sentence that says when. */
export const MEMBER_PHASES = {
  running: 'when its latest build is a start that succeeded',
  pending: 'when its first build waits and nobody ever took it',
  starting: 'when a start of the pool is at work',
  stopping: 'when a stop of the pool is at work',
  deleting: 'when a delete of the pool is at work',
  busy: 'when a build of a person is at work, or one is being canceled: it counts nowhere',
  stopped: 'when its latest build is a stop that ended',
  failed_start: 'when its latest build is a start that failed or was canceled: evidence',
  failed_delete: 'when its latest build is a delete that did not succeed',
} as const;
export type MemberPhase = keyof typeof MEMBER_PHASES;

const AT_WORK = { start: 'starting', stop: 'stopping', delete: 'deleting' } as const;
const ENDED = { start: 'failed_start', stop: 'stopped', delete: 'failed_delete' } as const;

export function memberPhase(member: PoolMember): MemberPhase {
  const { transition, job } = member;
  if (member.runningSince !== null || job === null) return 'running';
  switch (job.status) {
    case 'pending':
    case 'running':
      if (!job.bySystem) return 'busy';
      return isPending(member, job) ? 'pending' : AT_WORK[transition];
    case 'canceling':
      return 'busy';
    default:
      return ENDED[transition];
  }
}

function isPending({ transition, buildNumber }: PoolMember, job: MemberJob): boolean {
  return (
    transition === 'start' && buildNumber === 1 && job.status === 'pending' && job.attempt === 0
  );
}
