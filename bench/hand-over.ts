// Claims by a crowd from a full pool that refills all the while, of a template without an agent and of one whose
// agent has to answer each claim before whoever asked is told: at a fixed pace for a minute, and all at once.
import { defineBench, type Stage } from './support/bench.ts';
import { median, percentile, renderTable } from './support/figures.ts';
import { connect, tellPostgres } from './support/postgres.ts';
import type { Answer } from './support/pace.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';
import { apartFrom, describeStalls } from './support/stall.ts';
import { watchStalls } from './support/stall-watch.ts';
import { layGround } from './claim/ground.ts';
import { AGENT, keepAgents } from './hand-over/agents.ts';
import { createCrowd } from './hand-over/crowd.ts';

const READY = 300;
const PER_SECOND = 50;
const SECONDS = 60;
/** Connections have planned their statements then, and the programs compiled what they run often. */
const WARM_UP_SECONDS = 5;
const PEOPLE = 16;
const IDLE_POLL_MS = 500;
const BURSTS = { rounds: 3, warmUps: 0 };

/** The first one's warm-up is that of the installation as well, and has agents to prove in it. */
const TEMPLATES = [
  { name: 'with', lines: [`agents: [{ name: ${AGENT} }]`] },
  { name: 'without', lines: [] },
] as const;

export const bench = defineBench({
  name: 'hand-over',
  summary: `${PER_SECOND} claims a second for ${SECONDS} s, and ${READY} at once, on ${READY} ready, with and without an agent to prove; 5 min`,
  run: async (stage) => {
    const ground = await layGround(stage, PEOPLE);
    await tellPostgres(stage, ground.connection);
    const database = await connect(ground.connection);
    stage.onEnd(() => database.end());
    await keepAgents(stage, { ...ground, database });
    const crowd = createCrowd(stage, ground);
    const minutes: (readonly string[])[] = [];
    for (const { name, lines } of TEMPLATES) {
      await ground.push({ name, claim: 'instant', instances: READY, lines });
      for (const seconds of [WARM_UP_SECONDS, SECONDS]) {
        await ground.fill(name);
        const { result, stalls, overMs } = await watchStalls(stage, () =>
          crowd.claimAtPace(name, { perSecond: PER_SECOND, seconds }),
        );
        const apart = apartFrom(stalls, result);
        minutes.push([name, `${seconds} s`, ...describe(result), ...describe(apart)]);
        stage.print(`${name}, ${seconds} s: ${describeStalls(stalls, overMs)}`);
        await waitUntilIdle(stage, database); // what takes it all away is not part of the next one's time
      }
    }
    stage.print();
    stage.print(
      renderTable([
        ['agent', 'for', ...FIGURES, ...FIGURES.map((one) => `${one}, no stall`)],
        ...minutes,
      ]),
    );

    const bursts = TEMPLATES.map(({ name }): Arm<readonly number[]> => ({
      name,
      prepare: () => ground.fill(name),
      run: () => crowd.claimAtOnce(name, READY),
    }));
    const samples = await interleave(stage, bursts, BURSTS);
    const rows = TEMPLATES.map(({ name }) => {
      const rounds = samplesOf(samples, name);
      const lastMs = rounds.map((ms) => Math.max(...ms));
      const middle = median(rounds.map(median));
      return [name, ...[middle, median(lastMs), Math.max(...lastMs)].map((ms) => ms.toFixed(0))];
    });
    const heads = [`${READY} at once`, 'half of them ms', 'all ms, median', 'all ms, most'];
    stage.print();
    stage.print(renderTable([heads, ...rows]));
    stage.print(`void: ${await countVoid(database)}`);
  },
});

const FIGURES = ['claims', 'p50 ms', 'p99 ms', 'max ms'];

function describe(answers: readonly Answer[]): readonly string[] {
  const ms = answers.map(({ dueMs, endedMs }) => endedMs - dueMs);
  if (ms.length === 0) return ['0', '', '', ''];
  return [String(ms.length), ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(1))];
}

type Connection = Awaited<ReturnType<typeof connect>>;

/** Resolves when every job has ended. */
async function waitUntilIdle({ kit, signal }: Stage, database: Connection): Promise<void> {
  for (;;) {
    const { rows } = await database.query(
      `select from jobs where status in ('pending', 'running') limit 1`,
    );
    if (rows.length === 0) return;
    await kit.clock.sleep(IDLE_POLL_MS, signal);
  }
}

async function countVoid(database: Connection): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `select count(*)::integer as count from claims where outcome = 'void'`,
  );
  return rows[0]?.count ?? 0;
}
