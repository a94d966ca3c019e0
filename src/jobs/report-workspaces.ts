// A daemon's regular report about the workspaces on its machine: signs of life are stored, and the
// answer says what to do with each.
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { decideReported, type ReportedState, type Wanted } from '../domain/workspace/reported.ts';
import { findDaemon } from '../store/daemon.ts';
import type { Database } from '../store/database.ts';
import { lockMembers, markMembersGone } from '../store/live-pool/member.ts';
import { refreshLocked } from '../store/live-pool/readiness.ts';
import { findReported, recordChecks, renewChecks, touchDaemon } from '../store/workspace-report.ts';
import { notThisProcess, type DaemonRef } from './attempt.ts';

export interface ReportedWorkspace {
  readonly id: WorkspaceId;
  readonly state: ReportedState;
  /** The outcome of the template's ready check, null where there is none to make. */
  readonly ready: boolean | null;
}

interface Judged extends ReportedWorkspace, Wanted {
  readonly isElsewhere: boolean;
  /** It has a ready check whose word counts. */
  readonly isChecked: boolean;
}

type Deps = Kit & { readonly database: Database };

/**
 * Stores a report and gives what is wanted, in the report's order. Throws NOT_FOUND for a daemon
 * that this key did not register, and DAEMON_REPLACED when it has a newer process.
 */
export async function reportWorkspaces(
  deps: Deps,
  daemon: DaemonRef,
  reported: readonly ReportedWorkspace[],
): Promise<readonly WantedWorkspace[]> {
  const { database } = deps;
  // Side by side, for every write of a report asks by itself whether the daemon's word counts.
  const [touched, wanted] = await Promise.all([
    touchDaemon.run(database, daemon),
    reported.length === 0 ? [] : storeReport(deps, daemon, reported),
  ]);
  if (touched === 0) {
    const known = await findDaemon.maybe(database, { id: daemon.daemonId, keyId: daemon.keyId });
    throw notThisProcess(daemon, known?.incarnation);
  }
  return wanted;
}

interface WantedWorkspace {
  readonly id: WorkspaceId;
  readonly want: Wanted['want'];
}

async function storeReport(
  { database, log }: Deps,
  daemon: DaemonRef,
  reported: readonly ReportedWorkspace[],
): Promise<readonly WantedWorkspace[]> {
  const ids = reported.map(({ id }) => id);
  const rows = await findReported.all(database, { ...daemon, ids });
  const found = new Map(rows.map((row) => [row.id, row]));
  const judged = reported.map((workspace): Judged => {
    const row = found.get(workspace.id);
    if (row === undefined) {
      const wanted = decideReported(workspace.state, undefined);
      return { ...workspace, ...wanted, isElsewhere: false, isChecked: false };
    }
    const { isHere, isElsewhere } = row;
    const wanted = decideReported(workspace.state, { ...row, latestBuild: row });
    const isChecked = row.hasCheck && workspace.state === 'running' && isHere && !row.isDeleted;
    return { ...workspace, ...wanted, isElsewhere, isChecked };
  });

  await storeChecks(
    database,
    daemon,
    judged.flatMap(({ id, ready, isChecked }) =>
      ready === null || !isChecked ? [] : [{ id, ready }],
    ),
  );
  await storeGone(
    database,
    daemon,
    judged.filter(({ isGone }) => isGone).map(({ id }) => id),
  );
  const elsewhere = judged.filter((one) => one.isElsewhere).map(({ id }) => id);
  if (elsewhere.length > 0) {
    log.warn('workspace.reported_elsewhere', { daemonId: daemon.daemonId, workspaces: elsewhere });
  }
  const removed = judged.filter(({ want }) => want === 'remove').map(({ id }) => id);
  if (removed.length > 0) {
    log.info('workspace.remains_removed', { daemonId: daemon.daemonId, workspaces: removed });
  }
  return judged.map(({ id, want }) => ({ id, want }));
}

interface Check {
  readonly id: WorkspaceId;
  readonly ready: boolean;
}

/**
 * Only what changed concerns the live pool; mere renewals lock no member, and no claim passes one
 * over. Which is which is decided by the write itself: another report may be under way.
 */
async function storeChecks(
  database: Database,
  daemon: DaemonRef,
  checks: readonly Check[],
): Promise<void> {
  if (checks.length === 0) return;
  const toArgs = (some: readonly Check[]): Parameters<typeof recordChecks.run>[1] => ({
    ...daemon,
    workspaceIds: some.map(({ id }) => id),
    ready: some.map(({ ready }) => ready),
  });
  const renewed = new Set(
    (await renewChecks.all(database, toArgs(checks))).map(({ workspaceId }) => workspaceId),
  );
  const changed = checks.filter(({ id }) => !renewed.has(id));
  if (changed.length === 0) return;
  const workspaceIds = changed.map(({ id }) => id);
  await database.transaction(async (tx) => {
    const members = await lockMembers.all(tx, { workspaceIds });
    await recordChecks.run(tx, toArgs(changed));
    if (members.length > 0) {
      await refreshLocked(
        tx,
        members.map((member) => member.workspaceId),
      );
    }
    tx.notify(...workspaceIds.map((workspaceId) => ({ kind: 'workspace', workspaceId }) as const));
  });
}

async function storeGone(
  database: Database,
  daemon: DaemonRef,
  workspaceIds: readonly WorkspaceId[],
): Promise<void> {
  if (workspaceIds.length === 0) return;
  await database.transaction(async (tx) => {
    await lockMembers.all(tx, { workspaceIds });
    const gone = await markMembersGone.all(tx, { ...daemon, workspaceIds });
    for (const { workspaceId, poolId } of gone) {
      tx.notify({ kind: 'workspace', workspaceId }, { kind: 'pool', poolId });
    }
  });
}
