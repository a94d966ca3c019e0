// A waiter in words.
import type { WaiterView } from '../../contract/waiter/schema.ts';
import type { NoEstimate } from '../../domain/waiter/estimate.ts';

const WHY_UNKNOWN: Readonly<Record<NoEstimate, string>> = {
  paused: 'nobody knows for how long: the pool is paused',
  validation_failed: "nobody knows for how long: the preset's parameters do not fit the template",
  hard_limited: 'nobody knows for how long: the last builds of the pool failed',
  backoff: 'nobody knows for how long: a build of the pool failed lately',
  budget: 'nobody knows for how long: the organization builds as much as it may',
  quota: 'nobody knows for how long: the pools of the organization may not spend more',
  not_building: 'nobody knows for how long: the pool builds none',
  not_measured: 'nobody knows for how long: no build of the pool has succeeded yet',
};

/** `first in line, about 40 s`. */
export function describePlace({ position, eta_seconds, eta_reason }: WaiterView): string {
  const place =
    position === null || position === 1 ? 'first in line' : `number ${position} in line`;
  if (eta_seconds !== null) return `${place}, about ${eta_seconds} s`;
  return eta_reason === null ? place : `${place}; ${WHY_UNKNOWN[eta_reason]}`;
}

/** `waiting: first in line, about 40 s`, `refused: pool go/small is gone`. */
export function describeWaiter(waiter: WaiterView): string {
  if (waiter.state === 'waiting') return `waiting: ${describePlace(waiter)}`;
  return waiter.error === null ? waiter.state : `${waiter.state}: ${waiter.error}`;
}
