// The queue of provisioner jobs beside others on the same PostgreSQL: jobs a second that slots take and
// complete one by one; ten of them, whose statements are shared, and one alone.
import { defineBench } from './support/bench.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { startPostgres, tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf } from './support/rounds.ts';
import { GRAPHILE, prepareContenders, type Work } from './queue/throughput.ts';

const ROUNDS = { rounds: 7, warmUps: 1 };
const CROWD: Work = { slots: 10, jobs: 2_000 };
const ALONE: Work = { slots: 1, jobs: 200 };

export const bench = defineBench({
  name: 'queue',
  summary: `${CROWD.slots} slots, and one, take and complete empty jobs, beside graphile-worker and pg-boss; 2 min`,
  run: async (stage) => {
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    const contenders = Object.entries(await prepareContenders(stage, connection));
    for (const work of [CROWD, ALONE]) {
      const arms = contenders.map(([name, run]) => ({ name, run: () => run(work) }));
      const samples = await interleave(stage, arms, ROUNDS);
      const peers = samplesOf(samples, GRAPHILE);
      const rows = arms.map(({ name }) => {
        const rates = samplesOf(samples, name);
        return [name, median(rates).toFixed(0), medianRatio(rates, peers).toFixed(2)];
      });
      stage.print();
      stage.print(`${work.jobs} jobs, slots: ${work.slots}`);
      stage.print(renderTable([['', 'jobs/s', `of ${GRAPHILE}`], ...rows]));
    }
  },
});
