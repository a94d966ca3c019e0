// Laws of the decision that hold for every snapshot; its worked examples are replayed in
// src/contract/plan.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BACKOFF,
  freeSnapshot,
  NOW,
  presetSnapshot,
} from '../../../test/support/snapshot-arbitrary.ts';
import { decidePreset, isActive, isExpired } from './decide.ts';
import type { Action, Plan } from './plan.ts';
import type { LivePrebuild, PresetSnapshot } from './snapshot.ts';

const decide = (snapshot: PresetSnapshot): Plan => decidePreset(snapshot, NOW, BACKOFF);

/** For every snapshot the check holds; hundreds of them, with the seed in a failure. */
function always(
  snapshots: fc.Arbitrary<PresetSnapshot>,
  check: (snapshot: PresetSnapshot, plan: Plan) => void,
): void {
  fc.assert(
    fc.property(snapshots, (snapshot) => check(snapshot, decide(snapshot))),
    { numRuns: 300 },
  );
}

describe('a plan', () => {
  it('leaves nothing to do once it was carried out, eight times over', () => {
    always(presetSnapshot, (snapshot, plan) => {
      let world = apply(snapshot, plan);
      for (let pass = 0; pass < 8; pass += 1) {
        const next = decide(world);
        expect(next.actions).toEqual([]);
        world = apply(world, next);
      }
    });
  });

  it('creates nothing for inactive, paused or validation-failed presets', () => {
    always(presetSnapshot, ({ preset }, plan) => {
      if (!isActive(preset) || preset.paused || preset.status === 'validation_failed') {
        expect(created(plan)).toBe(0);
      }
    });
  });

  it('creates one at most while limited, and that only when the trial is due', () => {
    always(presetSnapshot, (snapshot, plan) => {
      if (!snapshot.hardLimited) return;
      expect(created(plan)).toBeLessThanOrEqual(1);
      if (created(plan) === 1) {
        expect(snapshot.trialAt).toBeLessThanOrEqual(NOW);
        expect(snapshot.inProgress.starting).toBe(0);
      }
    });
  });

  it('never creates and deletes extraneous ones at once', () => {
    always(presetSnapshot, (_, plan) => {
      expect(created(plan) > 0 && deleted(plan, 'extraneous').length > 0).toBe(false);
    });
  });

  it('never creates above the target, and up to it when nothing holds it back', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const there = fresh(snapshot).length + snapshot.inProgress.starting;
      if (created(plan) > 0) expect(there + created(plan)).toBeLessThanOrEqual(plan.state.target);
    });
    always(freeSnapshot, (snapshot, plan) => {
      const there = fresh(snapshot).length + snapshot.inProgress.starting;
      expect(there + created(plan)).toBe(Math.max(there, plan.state.target));
    });
  });

  it('keeps the target between the desired count and the ceiling', () => {
    always(presetSnapshot, ({ preset, waiting }, { state }) => {
      const ceiling = Math.max(state.desired, preset.maxInstances ?? 0);
      expect(state.target).toBeGreaterThanOrEqual(state.desired);
      expect(state.target).toBeLessThanOrEqual(ceiling);
      expect(state.target).toBeLessThanOrEqual(state.desired + waiting);
    });
  });

  it('says of every creation that is missing whether it happens or why not', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const there = fresh(snapshot).length + snapshot.inProgress.starting;
      const missing = Math.max(plan.state.target - there, 0);
      expect(created(plan) + (plan.withheld?.count ?? 0)).toBe(missing);
    });
  });

  it('holds back no deletion and no cancellation together with a creation', () => {
    always(freeSnapshot, (snapshot, plan) => {
      const braked: readonly PresetSnapshot[] = [
        { ...snapshot, preset: { ...snapshot.preset, status: 'validation_failed' } },
        { ...snapshot, hardLimited: true },
        { ...snapshot, backoff: { numFailed: 3, lastBuildAt: NOW } },
      ];
      for (const other of braked) {
        expect(withoutCreate(decide(other))).toEqual(withoutCreate(plan));
      }
    });
  });

  it('does nothing while paused and counts what that holds back', () => {
    always(freeSnapshot, (snapshot, plan) => {
      const paused = decide({ ...snapshot, preset: { ...snapshot.preset, paused: true } });
      const deletes = plan.actions.flatMap((action) =>
        action.kind === 'delete' ? action.ids : [],
      );
      expect(paused.actions).toEqual([]);
      expect(paused.state).toEqual(plan.state);
      expect(paused.withheld).toEqual(
        created(plan) + deletes.length === 0
          ? null
          : { count: created(plan), deletes: deletes.length, reason: 'paused' },
      );
    });
  });

  it('drains an inactive preset and does nothing else', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const { preset, running, unhealthy, pendingInactive } = snapshot;
      if (isActive(preset) || preset.paused) return;
      expect(plan.actions).toEqual([
        ...(pendingInactive > 0 ? [{ kind: 'cancel_pending', count: pendingInactive }] : []),
        ...(running.length + unhealthy.length > 0
          ? [{ kind: 'delete', reason: 'inactive', ids: byAge([...running, ...unhealthy]) }]
          : []),
      ]);
      expect(plan.state).toMatchObject({ desired: 0, target: 0, eligible: 0, extraneous: 0 });
    });
  });

  it('deletes the oldest first, ties by id, not-ready ones before ready ones', () => {
    always(freeSnapshot, (snapshot, plan) => {
      const { running, unhealthy } = snapshot;
      const young = fresh(snapshot);
      const candidates = [
        ...byAge(young.filter((prebuild) => !prebuild.ready)),
        ...byAge(young.filter((prebuild) => prebuild.ready)),
      ];
      expect(deleted(plan, 'expired')).toEqual(byAge(running.filter((p) => !young.includes(p))));
      expect(deleted(plan, 'unhealthy')).toEqual(byAge(unhealthy));
      expect(deleted(plan, 'extraneous')).toEqual(candidates.slice(0, plan.state.extraneous));
    });
  });

  it('orders its actions and names no prebuild twice', () => {
    const order = ['cancel_pending', 'inactive', 'expired', 'unhealthy', 'extraneous', 'create'];
    always(presetSnapshot, (_, plan) => {
      const places = plan.actions.map((action) =>
        order.indexOf(action.kind === 'delete' ? action.reason : action.kind),
      );
      expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
      const ids = plan.actions.flatMap((action) => (action.kind === 'delete' ? action.ids : []));
      expect(new Set(ids).size).toBe(ids.length);
    });
  });

  it('does not depend on the order in which prebuilds are listed', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const other = {
        ...snapshot,
        running: [...snapshot.running].reverse(),
        unhealthy: [...snapshot.unhealthy].reverse(),
      };
      expect(decide(other)).toEqual(plan);
    });
  });

  it('takes no notice of what is stopping or deleting, but to count it', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const inProgress = { ...snapshot.inProgress, stopping: 0, deleting: 0 };
      const other = decide({ ...snapshot, inProgress });
      expect([other.actions, other.withheld]).toEqual([plan.actions, plan.withheld]);
    });
  });

  it('with more wanted creates no fewer and takes away no more', () => {
    always(freeSnapshot, (snapshot, plan) => {
      const { preset, waiting, unproven } = snapshot;
      const raised = [
        decide({ ...snapshot, preset: { ...preset, desired: preset.desired + 1 } }),
        decide({ ...snapshot, waiting: waiting + 1 }),
        decide({ ...snapshot, unproven: unproven + 1 }),
      ];
      for (const more of raised) {
        expect(created(more)).toBeGreaterThanOrEqual(created(plan));
        expect(deleted(more, 'extraneous').length).toBeLessThanOrEqual(
          deleted(plan, 'extraneous').length,
        );
        expect(canceled(more)).toBeLessThanOrEqual(canceled(plan));
      }
    });
  });

  it('builds none for those whose agents have yet to answer', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const other = decide({ ...snapshot, unproven: snapshot.unproven + 3 });
      expect(other.state.target).toBe(plan.state.target);
      expect(created(other)).toBe(created(plan));
    });
  });

  it('takes away nothing that those would need whose agents do not answer', () => {
    always(freeSnapshot, (snapshot, plan) => {
      const left = apply(snapshot, plan);
      const { waiting, unproven } = left;
      const all = decide({ ...snapshot, waiting: waiting + unproven, unproven: 0 });
      const failed = decide({ ...left, waiting: waiting + unproven, unproven: 0 });
      expect(withoutCreate(failed)).toEqual([]);
      expect(withoutCreate(plan)).toEqual(withoutCreate(all));
      const { extraneous, target } = all.state;
      expect(extraneous).toBe(Math.max(fresh(snapshot).length - target, 0));
    });
  });

  it('changes nothing that it was given', () => {
    always(presetSnapshot, (snapshot, plan) => {
      const copy = structuredClone(snapshot);
      decide(deepFreeze(copy));
      expect(copy).toEqual(snapshot);
      expect(decide(copy)).toEqual(plan);
    });
  });
});

/** The world after the plan was carried out, at the same moment. */
function apply(snapshot: PresetSnapshot, plan: Plan): PresetSnapshot {
  const active = isActive(snapshot.preset);
  return plan.actions.reduce((world, action) => {
    switch (action.kind) {
      case 'cancel_pending':
        return active
          ? withStarting(world, -action.count)
          : { ...world, pendingInactive: world.pendingInactive - action.count };
      case 'create':
        return withStarting(world, action.count);
      case 'delete': {
        const stays = ({ id }: LivePrebuild): boolean => !action.ids.includes(id);
        const { inProgress } = world;
        return {
          ...world,
          running: world.running.filter(stays),
          unhealthy: world.unhealthy.filter(stays),
          inProgress: { ...inProgress, deleting: inProgress.deleting + action.ids.length },
        };
      }
    }
  }, snapshot);
}

/** `count` more pending starts. */
function withStarting(world: PresetSnapshot, count: number): PresetSnapshot {
  const { inProgress } = world;
  return {
    ...world,
    inProgress: {
      ...inProgress,
      starting: inProgress.starting + count,
      startingPending: inProgress.startingPending + count,
    },
  };
}

function fresh({ preset, running }: PresetSnapshot): readonly LivePrebuild[] {
  return running.filter((prebuild) => !isExpired(prebuild, preset, NOW));
}

function byAge(prebuilds: readonly LivePrebuild[]): readonly string[] {
  return [...prebuilds]
    .map(({ createdAt, id }) => `${createdAt} ${id}`)
    .sort()
    .map((text) => text.replace(/^\d+ /, ''));
}

function sum(plan: Plan, kind: 'create' | 'cancel_pending'): number {
  return plan.actions.reduce((n, action) => n + (action.kind === kind ? action.count : 0), 0);
}

function created(plan: Plan): number {
  return sum(plan, 'create');
}

function canceled(plan: Plan): number {
  return sum(plan, 'cancel_pending');
}

function deleted(plan: Plan, reason: string): readonly string[] {
  return plan.actions.flatMap((action) =>
    action.kind === 'delete' && action.reason === reason ? action.ids : [],
  );
}

function withoutCreate(plan: Plan): readonly Action[] {
  return plan.actions.filter((action) => action.kind !== 'create');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
