// How soon a pool that was made small has given its surplus up: from the request that makes it small to the
// commit of the pass that cancels the starts nobody has taken and queues the deletes of the rest.
import { defineBench, type Stage } from './support/bench.ts';
import { median, renderTable } from './support/figures.ts';
import { layRefillGround, type RefillGround } from './refill/ground.ts';

const TEMPLATE = 'shrunk';
const PRESETS = 10;
const BUILT = 10;
const LARGE = 20;
const SMALL = 1;
const POLL_MS = 25;

interface Shrink {
  readonly answeredMs: number;
  readonly committedMs: number;
  readonly deletes: number;
  readonly cancels: number;
  readonly commits: number;
}

export const bench = defineBench({
  name: 'shrink',
  summary: `${PRESETS} pools, one after the other, from ${LARGE} to ${SMALL}, with ${LARGE - BUILT} starts pending; 1 min`,
  run: async (stage) => {
    // So many slots that the starts of all pools may wait at once.
    const ground = await layRefillGround(stage, { STANDBY_PROVISIONER_CONCURRENCY: '20' });
    await ground.push({ name: TEMPLATE, presets: PRESETS, instances: BUILT });
    await ground.fill(TEMPLATE);
    await ground.daemon.end('SIGTERM');
    const presets = Array.from({ length: PRESETS }, (_, n) => `preset-${n + 1}`);
    for (const preset of presets) await ground.resize(TEMPLATE, preset, LARGE);
    await until(stage, async () => {
      const created = await ground.happenings(TEMPLATE, ['created']);
      return created.length === PRESETS * LARGE;
    });
    const shrinks: Shrink[] = [];
    for (const preset of presets) shrinks.push(await shrink(stage, ground, preset));
    tell(stage, shrinks);
  },
});

async function shrink(stage: Stage, ground: RefillGround, preset: string): Promise<Shrink> {
  const { clock } = stage.kit;
  const startMs = clock.now();
  await ground.resize(TEMPLATE, preset, SMALL);
  const answeredMs = clock.now() - startMs;
  const given = async () =>
    (await ground.happenings(TEMPLATE, ['delete_started', 'canceled'])).filter(
      (each) => each.preset === preset,
    );
  await until(stage, async () => (await given()).length >= LARGE - SMALL);
  const happened = await given();
  return {
    answeredMs,
    committedMs: Math.max(...happened.map(({ atMs }) => atMs)) - startMs,
    deletes: happened.filter(({ kind }) => kind === 'delete_started').length,
    cancels: happened.filter(({ kind }) => kind === 'canceled').length,
    // Actions are savepoints, each with an id of its own; what is committed together has one moment.
    commits: new Set(happened.map(({ atMs }) => atMs)).size,
  };
}

async function until(
  { kit: { clock }, signal }: Stage,
  isSo: () => Promise<boolean>,
): Promise<void> {
  while (!(await isSo())) await clock.sleep(POLL_MS, signal);
}

function tell(stage: Stage, shrinks: readonly Shrink[]): void {
  const row = (name: string, numbers: readonly number[]): readonly string[] => [
    name,
    ...[median(numbers), Math.min(...numbers), Math.max(...numbers)].map((each) => each.toFixed(0)),
  ];
  stage.print();
  stage.print(
    renderTable([
      [`${shrinks.length} pools`, 'median', 'least', 'most'],
      row(
        'answered, ms',
        shrinks.map(({ answeredMs }) => answeredMs),
      ),
      row(
        'all given up, ms',
        shrinks.map(({ committedMs }) => committedMs),
      ),
      row(
        'deletes',
        shrinks.map(({ deletes }) => deletes),
      ),
      row(
        'cancels',
        shrinks.map(({ cancels }) => cancels),
      ),
      row(
        'commits',
        shrinks.map(({ commits }) => commits),
      ),
    ]),
  );
}
