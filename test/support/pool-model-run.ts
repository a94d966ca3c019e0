// One random life of a modelled pool: faults for a while, and then none, after which it has to come to
// its target by its own timers alone.
import { createPoolModel, type PoolModel, type StartResult } from './pool-model.ts';
import { createSeeded, type Seeded } from './seeded.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const ROUNDS = 400;

interface Life {
  readonly model: PoolModel;
  readonly random: Seeded;
  badTemplate: boolean;
}

type Event = (life: Life) => void;

const resultOf = ({ random, badTemplate }: Life): StartResult =>
  badTemplate ? 'failed' : random.pick(['succeeded', 'succeeded', 'succeeded', 'failed', 'hung']);

const EVENTS: readonly Event[] = [
  ...repeat(4, ({ model }) => model.begin()),
  ...repeat(4, ({ model }) => model.commit()),
  ...repeat(1, ({ model }) => model.crash()),
  ...repeat(3, ({ model }) => model.claim()),
  ...repeat(4, ({ model, random }) => model.acquire(1 + random.below(4))),
  ...repeat(4, (life) => life.model.finish(() => resultOf(life))),
  ...repeat(1, ({ model }) => model.deleteFails()),
  ...repeat(1, ({ model }) => model.spoil()),
  ...repeat(1, ({ model, random }) => model.change({ desired: random.below(6) })),
  ...repeat(1, ({ model, random }) => model.change({ deprecated: random.chance(0.3) })),
  ...repeat(1, ({ model, random }) => model.change({ ttlSeconds: random.pick([null, 0, 3_600]) })),
  ...repeat(1, ({ model }) => model.promote()),
  ...repeat(1, ({ model, random }) => model.setPaused(random.chance(0.3))),
  ...repeat(1, ({ model }) => model.reset()),
  ...repeat(1, ({ model }) => model.invalidate()),
  ...repeat(1, ({ model, random }) => model.setHeard(random.chance(0.7))),
  ...repeat(1, (life) => (life.badTemplate = life.random.chance(0.5))),
  ...repeat(4, ({ model, random }) =>
    model.pass(random.pick([0, 1, SECOND, 30 * SECOND, 2 * MINUTE, 20 * MINUTE])),
  ),
];

/** Gives what was violated; empty when all is well. */
export function runPoolModel(seed: number, steps: number): readonly string[] {
  const random = createSeeded(seed);
  const life: Life = { model: createPoolModel(random), random, badTemplate: false };
  const { model } = life;
  for (let step = 1; step <= steps; step++) {
    random.pick(EVENTS)(life);
    if (model.violations.length > 0) return model.violations.map((text) => `step ${step}: ${text}`);
  }
  return [...converge(life), ...model.violations];
}

/** From one moment to the next that the decision itself names: what it forgets is never reached. */
function converge({ model }: Life): readonly string[] {
  model.crash();
  model.setPaused(false);
  model.setHeard(true);
  model.change({ deprecated: false, ttlSeconds: null });
  for (let round = 0; round < ROUNDS; round++) {
    const { nextAt } = model.reconcile();
    model.acquire(100);
    model.finish(() => 'succeeded');
    const settled = model.reconcile();
    if (settled.needsReconciling) continue;
    if (model.isAtTarget()) return findRestlessness(model);
    const at = settled.nextAt ?? nextAt;
    if (at === null) return ['the pool is not at its target and waits for nothing'];
    model.pass(Math.max(at - model.now, 0));
  }
  return [`the pool is not at its target after ${ROUNDS} rounds`];
}

function findRestlessness(model: PoolModel): readonly string[] {
  for (let turn = 0; turn < 8; turn++) {
    if (model.reconcile().needsReconciling) return ['a settled pool changes something'];
  }
  return [];
}

function repeat(weight: number, event: Event): Event[] {
  return Array.from({ length: weight }, () => event);
}
