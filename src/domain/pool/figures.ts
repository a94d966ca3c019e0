// A pool in numbers, for those who watch from afar.
import type { Instant } from '../../base/clock.ts';
import type { PoolDecision, PresetDecision } from './decide-pool.ts';
import type { PoolState } from './plan.ts';

export interface PoolFigures {
  readonly at: Instant;
  /** Everything is, by the settings. */
  readonly paused: boolean;
  readonly pools: readonly PoolFigure[];
}

/** One pool of a template that is not deleted, by names. */
export interface PoolFigure {
  readonly organization: string;
  readonly template: string;
  readonly preset: string;
  readonly desired: number;
  readonly target: number;
  readonly running: number;
  readonly eligible: number;
  readonly starting: number;
  /** People in its line. */
  readonly waiting: number;
  /** Of the active version. */
  readonly hardLimited: boolean;
  readonly validationFailed: boolean;
}

type Sums = Omit<PoolFigure, 'organization' | 'template' | 'preset'>;

/** What presets of former versions still have alive belongs to the same pool. */
export function sumUp({ presets }: PoolDecision): Sums {
  const total = (of: (state: PoolState) => number): number =>
    presets.reduce((number, { plan }) => number + of(plan.state), 0);
  const anyActive = (holds: (one: PresetDecision) => boolean): boolean =>
    presets.some((one) => one.preset.usingActiveVersion && holds(one));
  return {
    desired: total((state) => state.desired),
    target: total((state) => state.target),
    running: total((state) => state.actual - state.unhealthy),
    eligible: total((state) => state.eligible),
    starting: total((state) => state.starting),
    waiting: presets.reduce((number, { snapshot }) => number + snapshot.waiting, 0),
    hardLimited: anyActive(({ snapshot }) => snapshot.hardLimited),
    validationFailed: anyActive(({ snapshot }) => snapshot.preset.status === 'validation_failed'),
  };
}
