// What carries requests to the control planes of a simulated system: to any of them, and not always once.
import type { Fetch } from '../../../src/client/client.ts';
import { settle } from '../manual-clock.ts';
import type { Seeded } from '../seeded.ts';
import type { Activity } from './activity.ts';
import type { Dials } from './dials.ts';
import type { Replica } from './replica.ts';

/** From one process to the control planes. */
export interface Line {
  readonly fetch: Fetch;
  /** Nothing arrives, in either direction, for as long as it is. */
  isCut: boolean;
}

export interface NetworkDeps {
  readonly replicas: readonly Replica[];
  readonly activity: Activity;
  readonly dice: Seeded;
  readonly dials: () => Dials;
}

export function createLine({ replicas, activity, dice, dials }: NetworkDeps): Line {
  const carry = async (url: string, init: RequestInit): Promise<Response> => {
    const pass = (lost: number): void => {
      if (line.isCut || dice.chance(lost)) throw new TypeError('the simulated network lost it');
    };
    const send = async (): Promise<Response> => {
      pass(dials().lostRequest);
      const answer = await dice.pick(replicas).answer(new Request(url, init));
      pass(dials().lostAnswer);
      return answer;
    };
    // Of a poll that comes twice, one would wait for nobody.
    const isDoubled = !isLongPoll(init) && dice.chance(dials().doubledRequest);
    if (isDoubled) await send();
    const answer = await send();
    // Once more, held up on its way: whoever sent it has gone on by then.
    if (isDoubled) void activity.track(settle().then(send)).catch(() => undefined);
    return answer;
  };
  const line: Line = {
    isCut: false,
    fetch: (url, init) => (isLongPoll(init) ? carry(url, init) : activity.track(carry(url, init))),
  };
  return line;
}

/** One that waits for something to happen, which may take any time. */
function isLongPoll({ body }: RequestInit): boolean {
  return typeof body === 'string' && body.includes('"wait_ms":');
}
