// People who claim, have use for what they got, and give it back.
import { openHttp } from '../support/http.ts';
import { askAtPace, type Answer } from '../support/pace.ts';
import type { Stage } from '../support/bench.ts';
import { createClaimer, type Got } from '../claim/claimer.ts';
import type { Ground } from '../claim/ground.ts';
import { claimThroughHttp, deleteThroughHttp } from '../claim/through-http.ts';

/** Both end when all that was claimed is asked to be given back. */
export interface Crowd {
  /** In the order in which they were asked. Nobody gives anything back before all have asked. */
  claimAtPace(
    template: string,
    pace: { readonly perSecond: number; readonly seconds: number },
  ): Promise<readonly Answer[]>;
  /** What each took from when all were asked, each on a connection of its own. */
  claimAtOnce(template: string, claims: number): Promise<readonly number[]>;
}

/** The last one's agent has taken its owner over by then. */
const IN_USE_MS = 2_000;

export function createCrowd(stage: Stage, ground: Ground): Crowd {
  const { kit, signal } = stage;
  const { clock } = kit;
  const connect = (connections: number) => openHttp(stage, { url: ground.url, connections });
  const send = connect(ground.people.length);
  const got = createClaimer(ground);
  const giveBack = async (all: readonly Got[]): Promise<void> => {
    await clock.sleep(IN_USE_MS, signal);
    await Promise.all(all.map((owned) => deleteThroughHttp(send, owned)));
  };
  return {
    claimAtPace: async (template, { perSecond, seconds }) => {
      const claim = claimThroughHttp(send);
      const goOn = (asked: number): boolean => asked < perSecond * seconds;
      const owned: Got[] = [];
      const answers = await askAtPace(stage, { perSecond, goOn }, async () => {
        owned.push(await got(claim, template));
      });
      await giveBack(owned);
      return answers;
    },
    claimAtOnce: async (template, claims) => {
      const claim = claimThroughHttp(connect(claims));
      const startMs = clock.monotonicMs();
      const claimed = await Promise.all(
        Array.from({ length: claims }, async () => ({
          owned: await got(claim, template),
          tookMs: clock.monotonicMs() - startMs,
        })),
      );
      await giveBack(claimed.map(({ owned }) => owned));
      return claimed.map(({ tookMs }) => tookMs);
    },
  };
}
