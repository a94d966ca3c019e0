// What two thousand agents cost a control plane (the program itself, as it is shipped) and its PostgreSQL while
// nothing happens, and how soon each hears of its owner when their workspaces are claimed.
import { defineBench, type Stage } from './support/bench.ts';
import { percentile, renderTable } from './support/figures.ts';
import { openHttp } from './support/http.ts';
import { askAtPace } from './support/pace.ts';
import { connect, tellPostgres } from './support/postgres.ts';
import { findPostmaster, percent, sharesOver } from './support/processor-shares.ts';
import { createClaimer } from './claim/claimer.ts';
import { layGround, type Ground } from './claim/ground.ts';
import { claimThroughHttp } from './claim/through-http.ts';
import { AGENT, keepAgents } from './hand-over/agents.ts';

/** A pool has a thousand at most. */
const TEMPLATES = ['first', 'second'] as const;
const INSTANCES = 1_000;
const AGENTS = TEMPLATES.length * INSTANCES;
/** By then each has said twice that it lives, and they are spread as they began. */
const SETTLE_MS = 30_000;
const WINDOW_SECONDS = 60;
const CLAIMS = 300;
const PER_SECOND = 20;
const PEOPLE = 16;
const FILL_QUICKLY = { STANDBY_PROVISIONER_CONCURRENCY: '8' };

export const bench = defineBench({
  name: 'agents',
  summary: `what ${AGENTS} agents cost over ${WINDOW_SECONDS} s, and how soon they hear of a claim; 4 min`,
  run: async (stage) => {
    const ground = await layGround(stage, PEOPLE, FILL_QUICKLY);
    await tellPostgres(stage, ground.connection);
    const database = await connect(ground.connection);
    stage.onEnd(() => database.end());
    const agents = await keepAgents(stage, { ...ground, database });
    const lines = [`agents: [{ name: ${AGENT} }]`];
    for (const name of TEMPLATES) {
      await ground.push({ name, claim: 'instant', instances: INSTANCES, lines });
      await ground.fill(name);
    }
    await stage.kit.clock.sleep(SETTLE_MS, stage.signal);
    const postgres = await findPostmaster(database);
    const before = agents.signsOfLife();
    const shares = await sharesOver(stage, {
      ...{ seconds: WINDOW_SECONDS, plane: ground.pid, postgres },
    });
    const perSecond = (agents.signsOfLife() - before) / WINDOW_SECONDS;
    stage.print();
    stage.print(
      renderTable([
        ['agents', 'signs of life a second', 'control plane', 'PostgreSQL'],
        [String(AGENTS), perSecond.toFixed(1), percent(shares.plane), percent(shares.postgres)],
      ]),
    );
    await claimSome(stage, ground);
    const { rows } = await database.query<{ ms: number }>(
      `select (stage_ms->>'prove')::float8 as ms from claims where outcome = 'hit'`,
    );
    const ms = rows.map((row) => row.ms);
    if (ms.length !== CLAIMS) throw new Error(`only ${ms.length} of ${CLAIMS} claims were proved`);
    stage.print();
    stage.print(
      renderTable([
        ['milliseconds', 'claims', 'p50', 'p99', 'most'],
        [
          'claim committed → agent has answered',
          String(ms.length),
          ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
        ],
      ]),
    );
  },
});

/** While nothing is built, so that what claims cost beside is not in it. */
async function claimSome(stage: Stage, ground: Ground): Promise<void> {
  await ground.pause();
  const claim = claimThroughHttp(openHttp(stage, { url: ground.url, connections: PEOPLE }));
  const got = createClaimer(ground);
  let claimed = 0;
  await askAtPace(stage, { perSecond: PER_SECOND, goOn: (asked) => asked < CLAIMS }, () =>
    got(claim, TEMPLATES[claimed++ % TEMPLATES.length] ?? TEMPLATES[0]),
  );
}
