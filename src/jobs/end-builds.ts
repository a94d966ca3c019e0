// When the ends of builds are stored: those that nobody waits for give way to claims, and most of them go many at once,
// by the same statements and one commit, so that each costs a part of what it does alone.
import { AppError } from '../base/app-error.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Precedence } from '../base/precedence.ts';
import { together } from '../base/together.ts';
import { isOfOneRow } from '../store/sqlstate.ts';
import {
  endAlone,
  isNew,
  type AttemptEnd,
  type EndAttempt,
  type EndAttemptDeps,
} from './end-attempt.ts';
import { finishBuilds, type BuildJobEnd, type FinishedJob } from './finish-job.ts';
import type { HandedBuilds } from './handed-builds.ts';
import { lockFreeBuilds, type BuildSubject } from './locked-job.ts';

/** To claims, and at most so long: a daemon's slot does nothing meanwhile, and where claims never end its pool refills the slower. */
const GIVE_WAY_MS = 40;
/** It takes some milliseconds, and waits for nobody's lock: one that is late is stuck. */
const TURNS = { lateMs: 100, most: 3, maxItems: 200, isOfOneItem: isOfOneRow };

export interface AttemptEnderDeps extends EndAttemptDeps {
  readonly precedence: Pick<Precedence, 'behind'>;
  readonly builds: Pick<HandedBuilds, 'find'>;
}

/** One for each control plane. What somebody waits for, or another control plane has handed out, ends at once by itself. */
export function createAttemptEnder(deps: AttemptEnderDeps): EndAttempt {
  const { clock, precedence, builds } = deps;
  const alone = endAlone(deps);
  const endTogether = together(clock, (ends: readonly BuildEnd[]) => endBuilds(deps, ends), {
    ...TURNS,
    gather: () => precedence.behind(GIVE_WAY_MS, () => Promise.resolve()),
  });
  return async (end) => {
    const { attempt, workspaceId } = end;
    const ending = builds.find(attempt.jobId)?.ending ?? 'at once';
    if (workspaceId === null || ending === 'at once') return alone(end);
    if (ending === 'gives way') return precedence.behind(GIVE_WAY_MS, () => alone(end));
    const ended = await endTogether({ ...end, workspaceId });
    if (ended === 'held') return alone(end);
    if (ended instanceof AppError) throw ended;
    return ended;
  };
}

interface BuildEnd extends AttemptEnd {
  readonly workspaceId: WorkspaceId;
}

/** `held`: somebody else holds what it ends, or another report about the same job goes first. */
type Ended = FinishedJob | AppError | 'held' | undefined;

function endBuilds(
  { database, ...kit }: EndAttemptDeps,
  ends: readonly BuildEnd[],
): Promise<readonly Ended[]> {
  return database.transaction(async (tx) => {
    const free = new Map(await lockFreeBuilds(tx, subjectsOf(ends)));
    const answers = ends.map((end): Ended | BuildJobEnd => {
      const locked = free.get(end.attempt.jobId);
      if (locked === undefined) return 'held';
      free.delete(end.attempt.jobId);
      try {
        return isNew(locked.job, end) ? { ...end, locked } : undefined;
      } catch (error) {
        if (error instanceof AppError) return error;
        throw error;
      }
    });
    const finished = await finishBuilds(kit, tx, answers.filter(isToBeEnded));
    const finishedOf = new Map(finished.map((one) => [one.job.id, one]));
    return answers.map((answer) =>
      isToBeEnded(answer) ? finishedOf.get(answer.locked.job.id) : answer,
    );
  });
}

function isToBeEnded(answer: Ended | BuildJobEnd): answer is BuildJobEnd {
  return typeof answer === 'object' && 'locked' in answer;
}

function subjectsOf(ends: readonly BuildEnd[]): readonly BuildSubject[] {
  const subjects = new Map(ends.map(({ attempt, workspaceId }) => [attempt.jobId, workspaceId]));
  return [...subjects].map(([id, workspaceId]) => ({ id, workspaceId }));
}
