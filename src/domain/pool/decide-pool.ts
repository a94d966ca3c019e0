// The decision about a whole pool: its brakes, every preset of it, and what it cleans up. The
// periodic pass asks it whether there is work, the reconcile under the lock what to do, and the
// pool's page what will happen; all three get the same answer from the same facts.
import type { Instant } from '../../base/clock.ts';
import type { PresetId, VersionId, WorkspaceId } from '../../base/id.ts';
import { decideDesired } from '../schedule/desired.ts';
import {
  decideBrakes,
  findBackoff,
  type BrakeDecision,
  type BrakeOptions,
  type Brakes,
  type JudgedBuild,
} from './brakes.ts';
import { decidePreset, isActive } from './decide.ts';
import { unhealthyAt } from './health.ts';
import { decideHousekeeping, type Housekeeping, type Keeping } from './housekeeping.ts';
import {
  GONE,
  RESTORED,
  UNANSWERED,
  memberPhase,
  type MemberPhase,
  type PoolMember,
} from './member.ts';
import { needsReconciling } from './needs-reconciling.ts';
import { findBoundary } from './next-boundary.ts';
import type { Plan } from './plan.ts';
import type { LivePrebuild, PoolPreset, PresetSnapshot } from './snapshot.ts';

/** A pool as it is stored, read at one moment. */
export interface PoolWorld {
  readonly paused: boolean;
  /** Null: never decided. */
  readonly brakes: Brakes | null;
  /** Those that are active or have anything alive. */
  readonly presets: readonly WorldPreset[];
  readonly members: readonly PoolMember[];
  readonly judged: readonly JudgedBuild[];
  /** Since when silence may be judged; null: not now. */
  readonly silenceJudgedFrom: Instant | null;
  /** People in the pool's line who have been given nothing. */
  readonly waiting: number;
  /** Those in it whose agents have yet to answer. */
  readonly unproven: number;
}

export interface WorldPreset extends Omit<PoolPreset, 'paused'> {
  readonly id: PresetId;
  readonly versionId: VersionId;
  readonly unreadyGraceMs: number;
  /** How long failed starts are kept; 0: without limit. */
  readonly failedRetentionMs: number;
}

export interface PoolOptions extends BrakeOptions {
  readonly backoffIntervalMs: number;
  readonly backoffLookbackMs: number;
  /** How many failed starts a pool keeps; 0: any number. */
  readonly failedKept: number;
}

export interface PresetDecision {
  readonly preset: WorldPreset;
  readonly snapshot: PresetSnapshot<WorkspaceId>;
  readonly plan: Plan<WorkspaceId>;
}

export interface PoolDecision {
  readonly presets: readonly PresetDecision[];
  /** Null: no preset of the pool is to be kept filled, or the pool is paused. */
  readonly brakes: BrakeDecision | null;
  /** Judged builds that succeeded and turned out unhealthy; to be stored as failed. */
  readonly turnedBad: readonly JudgedBuild[];
  /** The preset whose failed validation belongs to an earlier promotion and is to be forgotten. */
  readonly revalidate: PresetId | null;
  readonly housekeeping: Housekeeping;
  /** False only when a reconcile would change nothing. */
  readonly needsReconciling: boolean;
  /** When something falls due by itself; null: nothing will. */
  readonly nextAt: Instant | null;
}

interface SeenMember {
  readonly member: PoolMember;
  readonly phase: MemberPhase;
  /** When it became unhealthy or will; null: no such time. */
  readonly unhealthyAt: Instant | null;
}

const NOTHING_TO_KEEP: Housekeeping = { retired: [], retried: [], nextAt: null };

export function decidePool(world: PoolWorld, now: Instant, options: PoolOptions): PoolDecision {
  const seen = world.members.map((member) => look(world, member));
  const active = world.presets.find(isActive);
  const turnedBad = findTurnedBad(world.judged, seen, now);
  const judged = [...turnedBad, ...world.judged.filter((build) => !isAmong(turnedBad, build))];
  const brakes =
    active === undefined || world.paused
      ? null
      : decideBrakes(
          { stored: world.brakes, presetId: active.id, judged, isStarting: isStarting(seen) },
          now,
          options,
        );
  const revalidate =
    active?.status === 'validation_failed' &&
    brakes !== null &&
    brakes.brakes.presetId !== world.brakes?.presetId
      ? active.id
      : null;

  // What is to be drained goes first, so that it never stands in the way of what is to be filled.
  const ordered = [...world.presets].sort((a, b) => Number(isActive(a)) - Number(isActive(b)));
  const presets = ordered.map((preset): PresetDecision => {
    const snapshot = observe(
      {
        world,
        judged,
        brakes: brakes?.brakes ?? world.brakes,
        status: preset.id === revalidate ? 'healthy' : preset.status,
        seen: seen.filter(({ member }) => member.presetId === preset.id),
      },
      preset,
      { ...options, now },
    );
    return { preset, snapshot, plan: decidePreset(snapshot, now, options) };
  });
  const housekeeping = world.paused
    ? NOTHING_TO_KEEP
    : keepHouse(world, seen, { now, failedKept: options.failedKept });
  const housekeepingDue =
    housekeeping.retired.length + housekeeping.retried.length > 0 || brakes?.changed === true;
  const decided = { presets, brakes, turnedBad, revalidate, housekeeping };
  return {
    ...decided,
    needsReconciling: presets.some(({ preset, snapshot, plan }) =>
      needsReconciling({
        plan,
        storedStatus: preset.status,
        computedStatus: snapshot.preset.status,
        housekeepingDue,
        waiting: snapshot.waiting,
      }),
    ),
    nextAt: world.paused
      ? null
      : findBoundary(
          decided,
          seen.flatMap(({ unhealthyAt: at }) => at ?? []),
          now,
        ),
  };
}

function look(world: PoolWorld, member: PoolMember): SeenMember {
  const preset = world.presets.find(({ id }) => id === member.presetId);
  return {
    member,
    phase: memberPhase(member),
    unhealthyAt: unhealthyAt(member, {
      unreadyGraceMs: preset?.unreadyGraceMs ?? Number.POSITIVE_INFINITY,
      judgedFrom: world.silenceJudgedFrom,
    }),
  };
}

/** Why a member is broken, where it says nothing about its template. */
const BLAMELESS: readonly (string | null)[] = [GONE, RESTORED, UNANSWERED];

/**
 * A first build whose workspace became unhealthy counts as failed from that moment, unless
 * something else than its template may be to blame.
 */
function findTurnedBad(
  judged: readonly JudgedBuild[],
  seen: readonly SeenMember[],
  now: Instant,
): readonly JudgedBuild[] {
  return seen.flatMap(({ member, unhealthyAt: at }) => {
    if (member.buildNumber !== 1 || at === null || at > now) return [];
    if (BLAMELESS.includes(member.broken)) return [];
    const build = judged.find(({ workspaceId }) => workspaceId === member.workspaceId);
    return build === undefined || build.failed ? [] : [{ ...build, failed: true, completedAt: at }];
  });
}

function isAmong(builds: readonly JudgedBuild[], build: JudgedBuild): boolean {
  return builds.some(({ workspaceId }) => workspaceId === build.workspaceId);
}

function isStarting(seen: readonly SeenMember[]): (workspaceId: WorkspaceId) => boolean {
  return (workspaceId) =>
    seen.some(
      ({ member, phase }) =>
        member.workspaceId === workspaceId &&
        member.transition === 'start' &&
        (phase === 'pending' || phase === 'starting' || phase === 'busy'),
    );
}

interface Observed {
  readonly world: PoolWorld;
  readonly judged: readonly JudgedBuild[];
  readonly brakes: Brakes | null;
  readonly status: PoolPreset['status'];
  /** Those of the preset. */
  readonly seen: readonly SeenMember[];
}

function observe(
  { world, judged, brakes, status, seen }: Observed,
  preset: WorldPreset,
  options: PoolOptions & { readonly now: Instant },
): PresetSnapshot<WorkspaceId> {
  const { now } = options;
  const count = (...phases: readonly MemberPhase[]): number =>
    seen.filter(({ phase }) => phases.includes(phase)).length;
  const running = seen.filter(({ phase }) => phase === 'running');
  const isUnhealthy = ({ unhealthyAt: at }: SeenMember): boolean => at !== null && at <= now;
  const limit = brakes?.presetId === preset.id ? brakes.limit : null;
  const newest = isActive(preset) ? decideDesired(preset, now).count : 1;
  return {
    preset: { ...preset, status, paused: world.paused },
    running: running.filter((one) => !isUnhealthy(one)).map(toPrebuild),
    unhealthy: running.filter(isUnhealthy).map(toPrebuild),
    inProgress: {
      starting: count('starting', 'pending'),
      startingPending: count('pending'),
      stopping: count('stopping'),
      deleting: count('deleting'),
    },
    pendingInactive: isActive(preset) ? 0 : count('pending'),
    backoff:
      brakes === null
        ? null
        : findBackoff(judged, brakes, { now, lookbackMs: options.backoffLookbackMs, newest }),
    hardLimited: limit !== null,
    // While one is being tried there is no next one to wait for.
    trialAt: limit?.trialWorkspaceId === null ? limit.trialAt : null,
    // Who waits is served by the version that is active.
    waiting: isActive(preset) ? world.waiting : 0,
    unproven: isActive(preset) ? world.unproven : 0,
  };
}

function toPrebuild({ member }: SeenMember): LivePrebuild<WorkspaceId> {
  const createdAt = member.bornAt ?? member.runningSince;
  if (createdAt === null)
    throw new Error(`workspace ${member.workspaceId} runs and was never born`);
  return { id: member.workspaceId, createdAt, ready: member.ready };
}

function keepHouse(world: PoolWorld, seen: readonly SeenMember[], keeping: Keeping): Housekeeping {
  const ended = seen.flatMap(({ member, phase }) => {
    const endedAt = member.job?.completedAt ?? null;
    const preset = world.presets.find(({ id }) => id === member.presetId);
    if (endedAt === null || preset === undefined) return [];
    return [{ member, phase, endedAt, preset, tries: member.job?.deletes ?? 0 }];
  });
  return decideHousekeeping(
    ended
      // A person may have a reason to stop one: it stays, for as long as its preset is active.
      .filter(
        ({ phase, preset }) =>
          phase === 'failed_start' || (phase === 'stopped' && !isActive(preset)),
      )
      .map(({ member, endedAt, preset }) => ({
        workspaceId: member.workspaceId,
        endedAt,
        retentionMs: preset.failedRetentionMs,
      })),
    ended
      .filter(({ phase }) => phase === 'failed_delete')
      .map(({ member, endedAt, tries }) => ({ workspaceId: member.workspaceId, endedAt, tries })),
    keeping,
  );
}
