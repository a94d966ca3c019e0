// The queue of provisioner jobs beside others on the same PostgreSQL: jobs a second that ten slots take
// and complete one by one.
import { defineBench } from './support/bench.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { startPostgres, tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf } from './support/rounds.ts';
import { GRAPHILE, prepareContenders, SLOTS } from './queue/throughput.ts';

const ROUNDS = { rounds: 7, warmUps: 1 };
const JOBS = 2_000;

export const bench = defineBench({
  name: 'queue',
  summary: `${SLOTS} slots take and complete ${JOBS} empty jobs, beside graphile-worker and pg-boss; 2 min`,
  run: async (stage) => {
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    const contenders = Object.entries(await prepareContenders(stage, connection));
    const arms = contenders.map(([name, run]) => ({ name, run: () => run(JOBS) }));
    const samples = await interleave(stage, arms, ROUNDS);
    const peers = samplesOf(samples, GRAPHILE);
    const rows = arms.map(({ name }) => {
      const rates = samplesOf(samples, name);
      return [name, median(rates).toFixed(0), medianRatio(rates, peers).toFixed(2)];
    });
    stage.print();
    stage.print(renderTable([['', 'jobs/s', `of ${GRAPHILE}`], ...rows]));
  },
});
