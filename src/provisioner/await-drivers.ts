// Looks now and then for what a driver lacked when the daemon started, an engine that was away say, and
// offers the driver from then on.
import type { Kit } from '../base/kit.ts';
import type { Driver } from './driver.ts';
import type { Offered } from './offered.ts';
import type { Registration } from './registration.ts';

/** A driver that cannot work on this machine, and why. */
export interface MissingDriver {
  readonly name: string;
  readonly because: string;
  /** Looks again. */
  find(): Promise<Driver | undefined>;
}

export interface AwaitDriversDeps {
  readonly kit: Kit;
  readonly offered: Offered;
  readonly registration: Pick<Registration, 'renew'>;
  /** Has it undo what ended while it was missing. */
  catchUp(driver: Driver): Promise<void>;
}

/** Soon enough for somebody who has just started an engine, and nothing for it to answer. */
const LOOK_MS = 15_000;

/** Until all are there, or the signal aborts. Never rejects. */
export async function awaitDrivers(
  deps: AwaitDriversDeps,
  missing: readonly MissingDriver[],
  signal: AbortSignal,
): Promise<void> {
  let waiting = missing;
  while (waiting.length > 0) {
    try {
      await deps.kit.clock.sleep(LOOK_MS, signal);
    } catch {
      return; // the daemon stops
    }
    const still: MissingDriver[] = [];
    for (const one of waiting) if (!(await join(deps, one))) still.push(one);
    waiting = still;
  }
}

async function join(deps: AwaitDriversDeps, missing: MissingDriver): Promise<boolean> {
  const { kit, offered, registration } = deps;
  const { name } = missing;
  try {
    const driver = await missing.find();
    if (driver === undefined) return false;
    await driver.machine?.open();
    await deps.catchUp(driver);
    offered.add(driver);
    kit.log.info('driver.came', { driver: name });
    await registration.renew();
    return true;
  } catch (error) {
    kit.log.error('driver.not_joined', { driver: name, error });
    // Once it is among them the next registration names it.
    return offered.drivers.has(name);
  }
}
