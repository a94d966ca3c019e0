// What the proof at hand-over costs: claims at a fixed pace on a full pool, of a template without an agent and
// of one whose agent has to answer each claim before whoever asked is told.
import { defineBench, type Stage } from './support/bench.ts';
import { median, percentile, renderTable } from './support/figures.ts';
import { askAtPace } from './support/pace.ts';
import { connect, tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';
import { layGround, type Ground } from './claim/ground.ts';
import { claimThroughHttp } from './claim/through-http.ts';
import { AGENT, keepAgents } from './hand-over/agents.ts';

const READY = 300;
const PER_SECOND = 50;
const PEOPLE = 16;
const ROUNDS = { rounds: 3, warmUps: 1 };

const TEMPLATES = [
  { name: 'without', lines: [] },
  { name: 'with', lines: [`agents: [{ name: ${AGENT} }]`] },
] as const;

export const bench = defineBench({
  name: 'hand-over',
  summary: `${PER_SECOND} claims a second on ${READY} ready, without and with an agent to prove; 2 min`,
  run: async (stage) => {
    const ground = await layGround(stage, PEOPLE);
    await tellPostgres(stage, ground.connection);
    const database = await connect(ground.connection);
    stage.onEnd(() => database.end());
    await keepAgents(stage, { ...ground, database });
    for (const { name, lines } of TEMPLATES) {
      await ground.push({ name, claim: 'instant', instances: READY, lines });
    }
    const arms = TEMPLATES.map(({ name }) => createArm(stage, { ...ground, database }, name));
    const samples = await interleave(stage, arms, ROUNDS);
    const rows = TEMPLATES.map(({ name }) => {
      const rounds = samplesOf(samples, name);
      const ms = rounds.flat();
      return [
        name,
        String(ms.length),
        ...[0.5, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
        median(rounds.map((round) => percentile(round, 0.99))).toFixed(1),
      ];
    });
    const heads = ['agent', 'claims', 'p50 ms', 'p99 ms', 'max ms', 'p99 of a round, median'];
    stage.print();
    stage.print(renderTable([heads, ...rows]));
    stage.print(`void: ${await countVoid(database)}`);
  },
});

type Connection = Awaited<ReturnType<typeof connect>>;

/** A claim that finds nothing ends the bench. */
function createArm(
  stage: Stage,
  { database, ...ground }: Ground & { readonly database: Connection },
  template: string,
): Arm<readonly number[]> {
  const claim = claimThroughHttp(stage, { url: ground.url, connections: PEOPLE });
  let named = 0;
  const ask = async (): Promise<void> => {
    const person = ground.people[named % PEOPLE];
    if (person === undefined) throw new Error('there are fewer people than callers');
    const name = `${template}-${named++}`;
    const { claimed } = await claim({ person, template, name });
    if (!claimed) throw new Error(`${name} found nothing although enough were ready`);
  };
  return {
    name: template,
    prepare: async () => {
      for (const { name } of TEMPLATES) await ground.fill(name);
      // As autovacuum would within the minute: what an installation does in its first one is not what is measured.
      await database.query('analyze');
      await ground.pause();
    },
    run: async () => {
      const pace = { perSecond: PER_SECOND, goOn: (asked: number) => asked < READY };
      const answers = await askAtPace(stage, pace, ask);
      return answers.map(({ dueMs, endedMs }) => endedMs - dueMs);
    },
  };
}

async function countVoid(database: Connection): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `select count(*)::integer as count from claims where outcome = 'void'`,
  );
  return rows[0]?.count ?? 0;
}
