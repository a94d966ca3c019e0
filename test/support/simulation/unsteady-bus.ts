// The product's bus, of whose hints some are lost and some come twice.
import type { NoticeBus } from '../../../src/store/notice-bus.ts';
import type { Seeded } from '../seeded.ts';
import type { Dials } from './dials.ts';

export function createUnsteadyBus(
  steady: NoticeBus,
  { chance, dials }: Pick<Seeded, 'chance'> & { readonly dials: () => Dials },
): Pick<NoticeBus, 'subscribe'> {
  return {
    subscribe: (wanted, hear) =>
      steady.subscribe(wanted, (hint) => {
        if (chance(dials().lostNotice)) return;
        hear(hint);
        if (chance(dials().doubledNotice)) hear(hint);
      }),
  };
}
