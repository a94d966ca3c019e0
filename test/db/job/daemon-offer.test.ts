// A daemon that comes to offer more in one life, at whatever control plane it says so.
import { describe, expect, it } from 'vitest';
import { createId, type RegistrationId } from '../../../src/base/id.ts';
import { createDaemonOffers } from '../../../src/jobs/daemon-offer.ts';
import { registerDaemon } from '../../../src/jobs/register-daemon.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { useQueueGround } from '../../support/queue-ground.ts';

const ground = useQueueGround();

describe('what a daemon offers', () => {
  it('is known within seconds after it has changed, and read once until then', async () => {
    const { queue, store } = ground;
    const registrationId = createId<RegistrationId>(store.kit);
    const daemon = await queue.daemon({ drivers: ['other'], registrationId });
    const clock = createManualClock();
    const offers = createDaemonOffers({ clock, database: store.database });
    const drivers = async (): Promise<readonly string[]> => (await offers.get(daemon)).drivers;
    expect(await drivers()).toEqual(['other']);
    const more = { ...daemon.asked, drivers: ['other', 'null'] };
    const { incarnation } = await registerDaemon(queue.deps, daemon.key, more);
    expect(incarnation).toBe(daemon.incarnation);
    await clock.advance(9_000);
    expect(await drivers()).toEqual(['other']);
    await clock.advance(1_000);
    expect(await drivers()).toEqual(['other', 'null']);
  });
});
