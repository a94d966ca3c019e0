// The executor of workspaces' lives: what falls due by itself is done here and nowhere else. Any replica may look
// at any moment: a workspace that another one has is passed over, and what was read before the lock counts for nothing.
import { AppError } from '../../base/app-error.ts';
import { failpoint } from '../../base/failpoint.ts';
import type { WorkspaceId } from '../../base/id.ts';
import type { ErrorCode } from '../../base/error-catalog.ts';
import type { Kit } from '../../base/kit.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { decideLife, type LifeStep, type StartRefusal } from '../../domain/workspace/life.ts';
import type { RowOf } from '../../store/column.ts';
import type { Database, Transaction } from '../../store/database.ts';
import {
  countFailedTries,
  findDueWorkspaces,
  lockDueWorkspace,
  noteRefusedStart,
  putOff,
  setDue,
} from '../../store/life.ts';
import { asJson } from '../../store/statement.ts';
import { findLatestBuild } from '../../store/workspace.ts';
import { beginNextBuild } from '../next-build.ts';
import { beginRebuild } from '../rebuild-workspace.ts';
import { asOfStart, UPDATE_REFUSALS } from '../start-workspace.ts';

interface KeepDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** Of a start: it is tried until it would be too late. */
const REFUSALS: readonly ErrorCode[] = ['QUOTA_EXCEEDED', ...UPDATE_REFUSALS];

const BATCH = { size: 100, most: 20 };
/** Until one that was refused or could not be looked at is tried again; it would stand first in every look till then. */
const PUT_OFF_MS = 60_000;

/** Does what is due. The signal ends it between two workspaces. */
export async function keepLives(deps: KeepDeps, signal: AbortSignal): Promise<void> {
  for (let batch = 0; batch < BATCH.most; batch++) {
    const due = await findDueWorkspaces.all(deps.database, { limit: BATCH.size });
    for (const { id } of due) {
      if (signal.aborted) return;
      await keep(deps, id);
    }
    if (due.length < BATCH.size) return;
  }
}

async function keep(deps: KeepDeps, id: WorkspaceId): Promise<void> {
  const { database, log } = deps;
  try {
    const kept = await database.transaction((tx) => keepLocked(deps, tx, id));
    if (kept instanceof AppError) log.warn('life.step_refused', { workspaceId: id, error: kept });
    else if (kept !== null) log.info('life.step_begun', { workspaceId: id, ...kept });
  } catch (error) {
    log.error('life.step_failed', { workspaceId: id, error });
    await putOff.run(database, { id, delayMs: PUT_OFF_MS });
  }
}

/** What was begun, or why it was refused. Null: nothing was to be begun, or it is not for this one to do. */
async function keepLocked(
  deps: KeepDeps,
  tx: Transaction,
  id: WorkspaceId,
): Promise<LifeStep | AppError | null> {
  const workspace = await lockDueWorkspace.maybe(tx, { id });
  if (workspace === undefined) return null;
  // Read after the lock, so that a build that was begun or ended meanwhile is seen.
  const latest = await findLatestBuild.one(tx, { workspaceId: id });
  const tries = await countTries(tx, id, latest);
  const { step, ...decided } = decideLife(
    { ...workspace, latest: { ...latest, tries } },
    workspace.now,
  );
  await failpoint('life.decided');
  const due = { id, epoch: workspace.epoch, ...decided };
  if (step === null) {
    await setDue.run(tx, due);
    return null;
  }
  try {
    await tx.savepoint(async () => {
      await setDue.run(tx, due);
      await beginStep(deps, tx, { id, workspace, latest, step });
    });
    return step;
  } catch (error) {
    if (!(error instanceof AppError && REFUSALS.includes(error.code))) throw error;
    const { code, detail, hint } = error;
    const refusal: StartRefusal = { code, detail, hint };
    // Before the lock is given away: whoever starts it or changes its life then does so after the refusal.
    await noteRefusedStart.run(tx, { id, refusal: asJson(refusal), delayMs: PUT_OFF_MS });
    return error;
  }
}

interface Due {
  readonly id: WorkspaceId;
  readonly workspace: RowOf<typeof lockDueWorkspace.columns>;
  readonly latest: RowOf<typeof findLatestBuild.columns>;
  readonly step: LifeStep;
}

async function beginStep(
  deps: KeepDeps,
  tx: Transaction,
  { id, workspace, latest, step }: Due,
): Promise<void> {
  if (step.transition === 'start' && workspace.automaticUpdates === 'always') {
    const requester = { userId: workspace.ownerId, isAdmin: false };
    const rebuild = { id, updates: true, parameters: {} };
    await beginRebuild(deps, tx, { requester, rebuild, reason: step.reason }).catch(asOfStart);
    return;
  }
  await beginNextBuild(deps, tx, {
    workspace: { id, ...workspace },
    latest,
    ...step,
    // Builds are somebody's; its reason says that nobody asked.
    initiatorId: workspace.ownerId,
    // Nobody waits for the end of what runs.
    jobClass: step.transition === 'start' ? 2 : 3,
  });
}

async function countTries(
  tx: Transaction,
  id: WorkspaceId,
  { jobStatus }: RowOf<typeof findLatestBuild.columns>,
): Promise<number> {
  // Whoever cancels what is due would put it off for longer each time.
  if (jobStatus !== 'failed') return 0;
  return (await countFailedTries.one(tx, { workspaceId: id })).tries;
}
