// The drivers that a daemon offers. One that could not work when the daemon started joins them later.
import type { ChangeListener, Driver, Machine } from './driver.ts';

export interface Offered {
  readonly drivers: ReadonlyMap<string, Driver>;
  /** Of the drivers that have one. */
  machines(): readonly Machine[];
  /** Calls `listener` whenever a report would read differently, whichever driver it is about. */
  onChange(listener: ChangeListener): void;
  /** Its machine is open. */
  add(driver: Driver): void;
}

export function createOffered(drivers: readonly Driver[]): Offered {
  const offered = new Map(drivers.map((driver) => [driver.name, driver]));
  const listeners: ChangeListener[] = [];
  const ring: ChangeListener = (report) => {
    for (const listener of listeners) listener(report);
  };
  for (const { machine } of drivers) machine?.onChange(ring);
  return {
    drivers: offered,
    machines: () => [...offered.values()].flatMap(({ machine }) => machine ?? []),
    onChange: (listener) => {
      listeners.push(listener);
    },
    add: (driver) => {
      offered.set(driver.name, driver);
      driver.machine?.onChange(ring);
      ring('soon');
    },
  };
}
