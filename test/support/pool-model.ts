// A pool in memory, around the real decision: what the database does is a map here, and what replicas
// do at the same time happens between a decision and its writes. Fast enough for thousands of seeds.
import type { Instant } from '../../src/base/clock.ts';
import type { PresetId, VersionId, WorkspaceId } from '../../src/base/id.ts';
import type { Brakes, JudgedBuild } from '../../src/domain/pool/brakes.ts';
import {
  decidePool,
  type PoolDecision,
  type PoolOptions,
  type PoolWorld,
  type PresetDecision,
  type WorldPreset,
} from '../../src/domain/pool/decide-pool.ts';
import { isActive, isExpired } from '../../src/domain/pool/decide.ts';
import type { MemberJob, PoolMember } from '../../src/domain/pool/member.ts';
import type { Action } from '../../src/domain/pool/plan.ts';
import type { Seeded } from './seeded.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const MODEL_OPTIONS: PoolOptions = {
  hardLimit: 3,
  cooldownMs: 15 * MINUTE,
  backoffIntervalMs: MINUTE,
  backoffLookbackMs: HOUR,
  failedKept: 3,
};

/** How a start ends; `hung` is no fault of the template. */
export type StartResult = 'succeeded' | 'failed' | 'hung';

interface Workspace {
  readonly id: WorkspaceId;
  readonly presetId: PresetId;
  readonly createdAt: Instant;
  owner: 'pool' | 'person';
  /** Of its latest build. */
  number: number;
  transition: 'start' | 'delete';
  job: MemberJob;
  acquiredAt: Instant | null;
  bornAt: Instant | null;
  runningSince: Instant | null;
  ready: boolean;
  lostAt: Instant | null;
  broken: string | null;
}

/** What one replica decided under the pool's lock and has not written yet. */
interface Turn {
  readonly decision: PoolDecision;
  /** Numbers of the latest builds that it saw. */
  readonly seen: ReadonlyMap<WorkspaceId, number>;
  readonly now: Instant;
  /** Nothing happened since. */
  isUndisturbed: boolean;
}

export interface PoolModel {
  readonly violations: readonly string[];
  readonly now: Instant;
  /** Takes the lock and decides; nothing while another one holds it. */
  begin(): void;
  /** Writes what was decided, with the preconditions of each write. */
  commit(): void;
  /** The lock is gone and nothing was written. */
  crash(): void;
  /** Both at once; what was decided. */
  reconcile(): PoolDecision;
  claim(): void;
  acquire(limit: number): void;
  /** Ends what is being built, as `resultOf` says of starts. */
  finish(resultOf: () => StartResult): void;
  deleteFails(): void;
  /** One that runs is not ready any more, or is broken. */
  spoil(): void;
  pass(ms: number): void;
  /** These wait for the lock, so they happen between turns only. */
  change(change: Partial<Pick<WorldPreset, 'desired' | 'deprecated' | 'ttlSeconds'>>): void;
  promote(): void;
  setPaused(paused: boolean): void;
  /** Forgets the failures, by hand. */
  reset(): void;
  invalidate(): void;
  /** Whether agents can be heard. */
  setHeard(heard: boolean): void;
  isAtTarget(): boolean;
}

export function createPoolModel(random: Seeded): PoolModel {
  const violations: string[] = [];
  const workspaces = new Map<WorkspaceId, Workspace>();
  let made = 0;
  let now: Instant = Date.UTC(2026, 0, 5, 9);
  let paused = false;
  let heardSince: Instant | null = now - HOUR;
  let brakes: Brakes | null = null;
  let judged: readonly JudgedBuild[] = [];
  let turn: Turn | undefined;
  let presets: readonly WorldPreset[] = [makePreset('v1', true), makePreset('v2', false)];

  const members = (): Workspace[] =>
    [...workspaces.values()].filter(({ owner }) => owner === 'pool');
  const presetOf = ({ presetId }: Workspace): WorldPreset =>
    presets.find(({ id }) => id === presetId)!;
  const active = (): WorldPreset => presets.find(({ usingActiveVersion }) => usingActiveVersion)!;
  const isFresh = (one: Workspace): boolean =>
    !isExpired({ createdAt: one.bornAt ?? now }, presetOf(one), now);
  const isAtWork = ({ job }: Workspace): boolean =>
    job.status === 'pending' || job.status === 'running';
  const disturb = (): void => {
    if (turn !== undefined) turn.isUndisturbed = false;
  };

  const readWorld = (): PoolWorld => {
    const alive = members();
    return {
      paused,
      brakes,
      presets: presets.filter(
        (preset) => preset.usingActiveVersion || alive.some((one) => one.presetId === preset.id),
      ),
      members: alive.map(toMember),
      judged,
      silenceJudgedFrom: heardSince,
      waiting: 0,
      unproven: 0,
    };
  };
  const decide = (): PoolDecision => decidePool(readWorld(), now, MODEL_OPTIONS);

  const cancelPending = (presetId: PresetId, count: number): void => {
    const pending = members()
      .filter((one) => one.presetId === presetId && one.transition === 'start' && one.number === 1)
      .filter(({ job }) => job.status === 'pending' && job.attempt === 0)
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    for (const { id } of pending.slice(0, count)) {
      workspaces.delete(id);
      if (brakes?.limit?.trialWorkspaceId !== id) continue;
      const trialAt = now + brakes.limit.cooldownMs;
      brakes = { ...brakes, limit: { ...brakes.limit, trialWorkspaceId: null, trialAt } };
    }
  };
  const remove = (ids: readonly WorkspaceId[], seen: Turn['seen']): void => {
    for (const id of ids) {
      const one = workspaces.get(id);
      // Claimed or built meanwhile: harmless.
      if (one?.owner !== 'pool' || one.number !== seen.get(id)) continue;
      const deletes = one.transition === 'delete' ? one.job.deletes + 1 : 1;
      Object.assign(one, newBuild('delete', deletes), { number: one.number + 1 });
    }
  };
  const create = ({ preset, snapshot }: PresetDecision, count: number): void => {
    checkCreation(preset, count);
    for (let n = 0; n < count; n++) {
      const id = `w${String(++made).padStart(6, '0')}` as WorkspaceId;
      const fresh = { id, presetId: preset.id, createdAt: now, owner: 'pool' as const, number: 1 };
      workspaces.set(id, { ...fresh, bornAt: null, ...newBuild('start', 0) });
      if (n === 0 && snapshot.hardLimited && brakes?.limit) {
        brakes = { ...brakes, limit: { ...brakes.limit, trialWorkspaceId: id } };
      }
    }
  };
  const checkCreation = (preset: WorldPreset, count: number): void => {
    const living = members().filter(
      (one) =>
        one.presetId === preset.id &&
        one.transition === 'start' &&
        (isAtWork(one) || (one.runningSince !== null && isFresh(one) && one.broken === null)),
    );
    // What is unhealthy by silence alone is not told apart here: it may only make the sum smaller.
    const silent = living.filter(({ runningSince, ready }) => runningSince !== null && !ready);
    if (living.length - silent.length + count > preset.desired) {
      violations.push(
        `${living.length} live and ${count} more, although ${preset.desired} are wanted`,
      );
    }
    if (!isActive(preset)) violations.push('made for a preset that is not active');
    if (paused) violations.push('made while paused');
    const { limit = null } = brakes ?? {};
    if (limit === null) return;
    if (count > 1) violations.push('more than a trial');
    if (limit.trialWorkspaceId !== null || limit.trialAt > now) violations.push('an early trial');
  };

  const act = (action: Action<WorkspaceId>, preset: PresetDecision, { seen }: Turn): void => {
    if (action.kind === 'cancel_pending') cancelPending(preset.preset.id, action.count);
    else if (action.kind === 'delete') remove(action.ids, seen);
    else create(preset, action.count);
  };

  const begin = (): void => {
    if (turn !== undefined) return;
    now += 1; // no two transactions are of one moment
    const seen = new Map(members().map(({ id, number }) => [id, number]));
    turn = { decision: decide(), seen, now, isUndisturbed: true };
  };
  const commit = (): void => {
    if (turn === undefined) return;
    const done = turn;
    const { decision } = done;
    const bad = new Map(decision.turnedBad.map((build) => [build.workspaceId, build]));
    judged = judged.map((build) => bad.get(build.workspaceId) ?? build);
    if (decision.brakes?.changed === true) brakes = decision.brakes.brakes;
    for (const preset of decision.presets) {
      const { actions } = preset.plan;
      if (
        actions.some(({ kind }) => kind === 'create') &&
        actions.some((action) => action.kind === 'delete' && action.reason === 'extraneous')
      ) {
        violations.push('made and deleted at once');
      }
      for (const action of actions) act(action, preset, done);
    }
    remove([...decision.housekeeping.retired, ...decision.housekeeping.retried], done.seen);
    turn = undefined;
    if (done.isUndisturbed && done.now === now && decide().needsReconciling) {
      violations.push('a second look changes something again');
    }
  };
  /** Waits for whoever decides, as what takes the pool's lock does. */
  const underLock = (work: () => void): void => {
    if (turn === undefined) work();
  };

  return {
    get violations() {
      return violations;
    },
    get now() {
      return now;
    },
    begin,
    commit,
    crash: () => {
      turn = undefined;
    },
    reconcile: () => {
      begin();
      const decision = turn?.decision ?? decide();
      commit();
      return decision;
    },
    claim: () => {
      const free = members().filter(
        (one) => one.ready && isFresh(one) && isActive(presetOf(one)) && one.runningSince !== null,
      );
      if (free.length === 0) return;
      random.pick(free).owner = 'person';
      disturb();
    },
    acquire: (limit) => {
      const pending = members().filter(({ job }) => job.status === 'pending');
      for (const one of pending.slice(0, limit)) {
        one.job = { ...one.job, status: 'running', attempt: one.job.attempt + 1 };
        one.acquiredAt = now;
      }
      disturb();
    },
    finish: (resultOf) => {
      for (const one of members().filter(({ job }) => job.status === 'running')) {
        if (one.transition === 'delete') {
          workspaces.delete(one.id);
          continue;
        }
        const result = resultOf();
        const succeeded = result === 'succeeded';
        one.job = { ...one.job, status: succeeded ? 'succeeded' : 'failed', completedAt: now };
        one.bornAt ??= one.acquiredAt;
        if (succeeded) Object.assign(one, { runningSince: now, ready: random.chance(0.9) });
        if (result === 'hung') continue;
        const { id: workspaceId, presetId, createdAt } = one;
        judged = [
          { workspaceId, presetId, createdAt, completedAt: now, failed: !succeeded },
          ...judged,
        ].slice(0, 100);
      }
      disturb();
    },
    deleteFails: () => {
      for (const one of members()) {
        if (one.transition !== 'delete' || one.job.status !== 'running') continue;
        one.job = { ...one.job, status: 'failed', completedAt: now };
      }
      disturb();
    },
    spoil: () => {
      const running = members().filter(({ runningSince }) => runningSince !== null);
      if (running.length === 0) return;
      const one = random.pick(running);
      if (one.ready) one.lostAt = now;
      one.ready = false;
      one.broken = random.pick([
        null,
        null,
        'start_error',
        'gone',
        'died',
        'restored',
        'claim_forgotten',
      ]);
      disturb();
    },
    pass: (ms) => {
      now += ms;
    },
    change: (change) =>
      underLock(() => {
        const { id } = active();
        presets = presets.map((preset) => (preset.id === id ? { ...preset, ...change } : preset));
      }),
    promote: () =>
      underLock(() => {
        presets = presets.map((preset) => ({
          ...preset,
          usingActiveVersion: !preset.usingActiveVersion,
        }));
      }),
    setPaused: (value) => underLock(() => (paused = value)),
    reset: () =>
      underLock(() => {
        if (brakes !== null) brakes = { ...brakes, judgedSince: now + 1, limit: null };
      }),
    invalidate: () =>
      underLock(() => {
        presets = presets.map((preset) => ({ ...preset, lastInvalidatedAt: now }));
      }),
    setHeard: (heard) => {
      heardSince = heard ? (heardSince ?? now + MINUTE) : null;
      disturb();
    },
    isAtTarget: () => {
      const good = members().filter(
        (one) => one.presetId === active().id && one.ready && isFresh(one),
      );
      return good.length === active().desired && members().every(isSettled);
    },
  };
}

/** Nothing of it is on its way: it runs, or is kept so that people can see what went wrong. */
function isSettled({ runningSince, transition, job }: Workspace): boolean {
  return runningSince !== null || (transition === 'start' && job.status === 'failed');
}

function makePreset(version: string, usingActiveVersion: boolean): WorldPreset {
  return {
    id: `preset-${version}` as PresetId,
    versionId: version as VersionId,
    desired: 3,
    maxInstances: null,
    ttlSeconds: null,
    usingActiveVersion,
    deleted: false,
    deprecated: false,
    lastInvalidatedAt: null,
    timezone: '',
    schedules: [],
    status: 'healthy',
    unreadyGraceMs: 10 * MINUTE,
    failedRetentionMs: 24 * HOUR,
  };
}

function newBuild(
  transition: Workspace['transition'],
  deletes: number,
): Omit<Workspace, 'id' | 'presetId' | 'createdAt' | 'owner' | 'number' | 'bornAt'> {
  return {
    transition,
    job: { status: 'pending', attempt: 0, completedAt: null, bySystem: true, deletes },
    acquiredAt: null,
    runningSince: null,
    ready: false,
    lostAt: null,
    broken: null,
  };
}

function toMember(one: Workspace): PoolMember {
  const { id, presetId, number, transition, job, bornAt, runningSince, ready, lostAt, broken } =
    one;
  return {
    workspaceId: id,
    presetId,
    buildNumber: number,
    transition,
    job: runningSince === null ? job : null,
    bornAt,
    runningSince,
    ready,
    lostAt,
    broken,
  };
}
