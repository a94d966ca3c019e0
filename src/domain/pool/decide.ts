// The decision: what to do about one preset's prebuilds now. Pure: the live reconciler, `standby plan` and the
// tests call the same function, so it must never read a clock or anything else. The target says how many are
// created; how many are kept says which are too many. Claims change ownership without asking the pool, so what is
// stopping or deleting never counts as something that will be there.
import type { Instant } from '../../base/clock.ts';
import { decideDesired } from '../schedule/desired.ts';
import type { Action, DeleteReason, Plan, PoolState, Withheld } from './plan.ts';
import type { FailedBuilds, LivePrebuild, PoolPreset, PresetSnapshot } from './snapshot.ts';

export interface DecideOptions {
  /** Added to the backoff window by each recent failure. */
  readonly backoffIntervalMs: number;
}

const INACTIVE = { count: 0, source: 'inactive' } as const;

/** Decides about one preset at `now`. Never throws: a schedule that cannot be used falls back. */
export function decidePreset<Id extends string>(
  snapshot: PresetSnapshot<Id>,
  now: Instant,
  options: DecideOptions,
): Plan<Id> {
  const { preset } = snapshot;
  const active = isActive(preset);
  const expired = snapshot.running.filter((prebuild) => isExpired(prebuild, preset, now));
  const fresh = snapshot.running.filter((prebuild) => !isExpired(prebuild, preset, now));
  const desired = active ? decideDesired(preset, now) : INACTIVE;
  const kept = active ? countKept(snapshot, desired.count) : 0;
  const state = countState(snapshot, fresh, { now, active, desired, kept, ...options });
  const cleanup = active
    ? cleanUpActive(snapshot, state, { fresh, expired, kept })
    : cleanUpInactive(snapshot);
  const missing = active ? Math.max(state.target - fresh.length - state.starting, 0) : 0;

  if (preset.paused) return { state, actions: [], withheld: withholdAll(cleanup, missing) };
  const brake = missing === 0 ? null : findBrake(snapshot, state, now);
  const created = brake === null ? missing : brake.allowed;
  return {
    state,
    actions: created === 0 ? cleanup : [...cleanup, { kind: 'create', count: created }],
    withheld: brake === null || missing === created ? null : brake.withhold(missing - created),
  };
}

/** Whether the preset's pool is to be kept filled, rather than drained. */
export function isActive(
  preset: Pick<PoolPreset, 'usingActiveVersion' | 'deleted' | 'deprecated'>,
): boolean {
  return preset.usingActiveVersion && !preset.deleted && !preset.deprecated;
}

/** Older than the TTL or than the last invalidation; exactly as old is not expired. */
export function isExpired(
  prebuild: Pick<LivePrebuild, 'createdAt'>,
  preset: Pick<PoolPreset, 'ttlSeconds' | 'lastInvalidatedAt'>,
  now: Instant,
): boolean {
  const { ttlSeconds, lastInvalidatedAt } = preset;
  if (lastInvalidatedAt !== null && prebuild.createdAt < lastInvalidatedAt) return true;
  return ttlSeconds !== null && ttlSeconds > 0 && now - prebuild.createdAt > ttlSeconds * 1000;
}

interface Counted extends DecideOptions {
  readonly now: Instant;
  readonly active: boolean;
  readonly desired: { readonly count: number; readonly source: PoolState['desiredSource'] };
  readonly kept: number;
}

function countState(
  snapshot: PresetSnapshot,
  fresh: readonly LivePrebuild[],
  { now, active, desired, kept, backoffIntervalMs }: Counted,
): PoolState {
  const { preset, running, unhealthy, inProgress } = snapshot;
  const target = active ? decideTarget(desired.count, preset, snapshot.waiting) : 0;
  return {
    actual: running.length + unhealthy.length,
    expired: running.length - fresh.length,
    unhealthy: unhealthy.length,
    desired: desired.count,
    desiredSource: desired.source,
    target,
    eligible: active ? fresh.filter((prebuild) => prebuild.ready).length : 0,
    extraneous: active ? Math.max(fresh.length - kept, 0) : 0,
    starting: inProgress.starting,
    stopping: inProgress.stopping,
    deleting: inProgress.deleting,
    backoffUntil: findBackoffEnd(snapshot.backoff, now, backoffIntervalMs),
  };
}

/** Waiting people raise the target, up to the preset's ceiling; nothing lowers it below desired. */
function decideTarget(desired: number, preset: PoolPreset, waiting: number): number {
  return Math.max(desired, Math.min(desired + waiting, preset.maxInstances ?? desired));
}

/**
 * What of the fresh and the starting is not too many: the target, and one more for everybody whose agents have yet to
 * answer. They may need it in a moment, but mostly they do not, so that none is built for them.
 */
function countKept({ preset, waiting, unproven }: PresetSnapshot, desired: number): number {
  return decideTarget(desired, preset, waiting + unproven);
}

/** The end of the window that recent failures opened, while `now` is not after it. */
function findBackoffEnd(
  failed: FailedBuilds | null,
  now: Instant,
  intervalMs: number,
): Instant | null {
  if (failed === null) return null;
  const end = failed.lastBuildAt + failed.numFailed * intervalMs;
  return now <= end ? end : null;
}

function cleanUpInactive<Id extends string>(snapshot: PresetSnapshot<Id>): Action<Id>[] {
  return [
    ...cancelPending(snapshot.pendingInactive),
    ...deleteAll('inactive', [...snapshot.running, ...snapshot.unhealthy].sort(byAge)),
  ];
}

interface Running<Id extends string> {
  readonly fresh: readonly LivePrebuild<Id>[];
  readonly expired: LivePrebuild<Id>[];
  /** How many of the fresh and the starting are not too many. */
  readonly kept: number;
}

function cleanUpActive<Id extends string>(
  snapshot: PresetSnapshot<Id>,
  state: PoolState,
  { fresh, expired, kept }: Running<Id>,
): Action<Id>[] {
  const surplus = Math.max(fresh.length + state.starting - kept, 0);
  // People are better served by a ready one, so those that are not go first.
  const extraneous = [...fresh]
    .sort((a, b) => Number(a.ready) - Number(b.ready) || byAge(a, b))
    .slice(0, state.extraneous);
  return [
    ...cancelPending(Math.min(snapshot.inProgress.startingPending, surplus)),
    ...deleteAll('expired', expired.sort(byAge)),
    ...deleteAll('unhealthy', [...snapshot.unhealthy].sort(byAge)),
    ...deleteAll('extraneous', extraneous),
  ];
}

function cancelPending(count: number): Action<never>[] {
  return count === 0 ? [] : [{ kind: 'cancel_pending', count }];
}

function deleteAll<Id extends string>(
  reason: DeleteReason,
  prebuilds: readonly LivePrebuild<Id>[],
): Action<Id>[] {
  if (prebuilds.length === 0) return [];
  return [{ kind: 'delete', reason, ids: prebuilds.map((prebuild) => prebuild.id) }];
}

/** Oldest first, ties by id, compared as the database compares text in the C collation. */
function byAge(a: LivePrebuild, b: LivePrebuild): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id));
}

function withholdAll(cleanup: readonly Action[], count: number): Withheld | null {
  const deletes = cleanup.reduce(
    (sum, action) => sum + (action.kind === 'delete' ? action.ids.length : 0),
    0,
  );
  return count + deletes === 0 ? null : { count, deletes, reason: 'paused' };
}

/** What holds creations back, first that applies, and how many it lets through. */
interface Brake {
  readonly allowed: number;
  withhold(count: number): Withheld;
}

function findBrake(snapshot: PresetSnapshot, state: PoolState, now: Instant): Brake | null {
  const { hardLimited, trialAt } = snapshot;
  const { backoffUntil } = state;
  if (snapshot.preset.status === 'validation_failed') {
    return { allowed: 0, withhold: (count) => ({ count, reason: 'validation_failed' }) };
  }
  if (hardLimited) {
    const due = trialAt !== null && trialAt <= now && state.starting === 0;
    const ahead = trialAt !== null && trialAt > now ? { until: trialAt } : {};
    return {
      // The trial is one build, so a backoff window that is still open does not delay it.
      allowed: due ? 1 : 0,
      withhold: (count) => ({ count, reason: 'hard_limited', ...ahead }),
    };
  }
  if (backoffUntil !== null) {
    return {
      allowed: 0,
      withhold: (count) => ({ count, reason: 'backoff', until: backoffUntil }),
    };
  }
  return null;
}
