// Claims through HTTP against what they are made of: the same claim without HTTP, and the smallest
// transaction that writes. The same number of callers, the same connections, driver and server.
import { createDatabase } from '../src/store/database.ts';
import { defineBench, onStage, type Stage } from './support/bench.ts';
import { CONNECTIONS } from './support/connections.ts';
import { median, medianRatio, percentile, renderTable } from './support/figures.ts';
import { openHttp } from './support/http.ts';
import { openKeyringOf } from './support/keyring.ts';
import { tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';
import { prepareBare } from './claim/bare.ts';
import { runBurst, type Ask, type Burst } from './claim/burst.ts';
import type { Claim } from './claim/claim-request.ts';
import { createClaimer } from './claim/claimer.ts';
import { tellCost } from './claim/cost.ts';
import { layGround, type Ground } from './claim/ground.ts';
import { claimInProcess } from './claim/in-process.ts';
import { claimThroughHttp } from './claim/through-http.ts';

const READY = 300;
const CLIENTS = 16;
/** Before each burst that is measured. */
const WARM_UP = 150;
const ROUNDS = { rounds: 7, warmUps: 1 };

const HTTP = 'through HTTP';
const IN_PROCESS = 'without HTTP';
const BARE = 'begin, update, commit';
const REFILLING = 'through HTTP, the pool refilling';

export const bench = defineBench({
  name: 'claim',
  summary: `${CLIENTS} clients claim from ${READY} ready: through HTTP, without, and against a bare transaction; 6 min`,
  run: async (stage) => {
    const ground = await layGround(stage, CLIENTS);
    await tellPostgres(stage, ground.connection);
    for (const claim of ['apply', 'instant'] as const) {
      await ground.push({ name: claim, claim, instances: READY });
      const samples = await onStage(stage, async (inner) =>
        interleave(inner, await createArms(inner, ground, claim), ROUNDS),
      );
      tell(stage, claim, samples);
    }
    await ground.fill('instant');
    await ground.pause();
    await tellCost(stage, ground, 'instant');
  },
});

async function createArms(
  stage: Stage,
  ground: Ground,
  template: string,
): Promise<readonly Arm<Burst>[]> {
  const { kit } = stage;
  const { connection, dataDir } = ground;
  const database = createDatabase(kit, {
    connection,
    maxConnections: CONNECTIONS.others,
    applicationName: 'bench',
  });
  stage.onEnd(() => database.close());
  const keyring = await openKeyringOf(kit, { dataDir, database });
  const throughHttp = claimThroughHttp(openHttp(stage, { url: ground.url, connections: CLIENTS }));
  const update = await prepareBare(stage, connection, {
    connections: CONNECTIONS.others,
    rows: READY,
  });

  const got = createClaimer(ground);
  const claimed =
    (claim: Claim): Ask =>
    () =>
      got(claim, template);
  const arm = (name: string, ask: Ask, beforehand?: () => Promise<void>): Arm<Burst> => ({
    name,
    // A pool of connections lets idle ones go, and a new one has nothing prepared.
    prepare: async () => {
      await ground.fill(template);
      await runBurst(kit.clock, { callers: CLIENTS, times: WARM_UP }, ask);
      await ground.fill(template);
      await beforehand?.();
    },
    run: () => runBurst(kit.clock, { callers: CLIENTS, times: READY }, ask),
  });
  const pause = (): Promise<void> => ground.pause();
  return [
    arm(HTTP, claimed(throughHttp), pause),
    arm(IN_PROCESS, claimed(claimInProcess({ ...kit, database, keyring })), pause),
    arm(BARE, update, pause),
    arm(REFILLING, claimed(throughHttp)),
  ];
}

function tell(
  stage: Stage,
  template: string,
  samples: ReadonlyMap<string, readonly Burst[]>,
): void {
  const rates = (name: string): readonly number[] =>
    samplesOf(samples, name).map(({ perSecond }) => perSecond);
  const rows = [...samples].map(([name, bursts]) => {
    const ms = bursts.flatMap(({ latenciesMs }) => latenciesMs);
    return [
      name,
      median(rates(name)).toFixed(0),
      ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
    ];
  });
  const heads = [`claim: ${template}`, 'per second', 'p50 ms', 'p99 ms', 'max ms'];
  const ratio = (above: string, below: string): string =>
    medianRatio(rates(above), rates(below)).toFixed(2);
  stage.print();
  stage.print(renderTable([heads, ...rows]));
  stage.print(`${HTTP} / ${IN_PROCESS}: ${ratio(HTTP, IN_PROCESS)}`);
  stage.print(`${IN_PROCESS} / ${BARE}: ${ratio(IN_PROCESS, BARE)}`);
  stage.print(`${HTTP} / ${BARE}: ${ratio(HTTP, BARE)}`);
}
