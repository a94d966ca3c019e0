// How soon a pool begins to replace what was claimed from it: from the commit of the claim to the commit of
// the replacement's job, while people claim at a steady pace from several pools.
import { defineBench, type Stage } from './support/bench.ts';
import { percentile, renderTable } from './support/figures.ts';
import { askAtPace } from './support/pace.ts';
import { layRefillGround, type Happening } from './refill/ground.ts';

const TEMPLATE = 'claimed';
const PRESETS = 5;
const INSTANCES = 60;
const PER_SECOND = 50;
const CLAIMS = 1_500;
const WARM_UP = 250;

export const bench = defineBench({
  name: 'reaction',
  summary: `from a claim's commit to that of its replacement's job, at ${PER_SECOND} claims/s; 2 min`,
  run: async (stage) => {
    const ground = await layRefillGround(stage, { STANDBY_PROVISIONER_CONCURRENCY: '8' });
    await ground.push({ name: TEMPLATE, presets: PRESETS, instances: INSTANCES });
    await ground.fill(TEMPLATE);
    let claims = 0;
    const answers = await askAtPace(
      stage,
      { perSecond: PER_SECOND, goOn: (asked) => asked < WARM_UP + CLAIMS },
      () => ground.claim(TEMPLATE, `preset-${(claims++ % PRESETS) + 1}`),
    );
    await ground.fill(TEMPLATE);
    const reactions = pair(await ground.happenings(TEMPLATE, ['created', 'claimed']));
    const took = answers.slice(WARM_UP).map(({ dueMs, endedMs }) => endedMs - dueMs);
    tell(stage, { reactions: reactions.slice(WARM_UP), took });
  },
});

/**
 * The first creation after a pool was full replaces the first that was claimed from it, and so on: a pool
 * that keeps its size creates for nothing else. In the order of the claims.
 */
function pair(happenings: readonly Happening[]): readonly number[] {
  const pairs = [...new Set(happenings.map(({ preset }) => preset))].flatMap((preset) => {
    const timesOf = (kind: string): readonly number[] =>
      happenings
        .filter((each) => each.preset === preset && each.kind === kind)
        .map(({ atMs }) => atMs);
    const claimed = timesOf('claimed');
    const replaced = timesOf('created').slice(INSTANCES);
    if (replaced.length !== claimed.length) {
      throw new Error(`${preset} replaced ${replaced.length} of ${claimed.length}`);
    }
    return claimed.map((atMs, n) => ({ atMs, tookMs: (replaced[n] ?? NaN) - atMs }));
  });
  return pairs.toSorted((a, b) => a.atMs - b.atMs).map(({ tookMs }) => tookMs);
}

function tell(
  stage: Stage,
  measured: { readonly reactions: readonly number[]; readonly took: readonly number[] },
): void {
  const row = (name: string, ms: readonly number[]): readonly string[] => [
    name,
    String(ms.length),
    ...[0.5, 0.95, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
  ];
  stage.print();
  stage.print(
    renderTable([
      ['milliseconds', 'times', 'p50', 'p95', 'p99', 'most'],
      row('claim committed → replacement committed', measured.reactions),
      row('the claim itself, over HTTP', measured.took),
    ]),
  );
}
