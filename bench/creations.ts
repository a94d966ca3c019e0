// What people who claim notice of a pass that makes a thousand prebuilds: the same pace of claims with
// and without it, in turn, and of those with it only the claims that a creation overlapped.
import { defineBench, type Stage } from './support/bench.ts';
import { medianRatio, percentile, renderTable } from './support/figures.ts';
import { askAtPace, type Answer } from './support/pace.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';
import { layRefillGround, type RefillGround } from './refill/ground.ts';

const CLAIMED = 'claimed';
const READY = 300;
const LARGE = 'large';
const CREATIONS = 1_000;
const PRESET = 'preset-1';
const PER_SECOND = 50;
/** Of one run of either arm. */
const OVERLAPPED = 60;
const ROUNDS = { rounds: 10, warmUps: 1 };
const POLL_MS = 10;

const IDLE = 'nothing else goes on';
const BUSY = `a pass makes ${CREATIONS} prebuilds`;

interface Sample {
  readonly tookMs: readonly number[];
  /** From the request to the commit. */
  readonly creationsMs: readonly number[];
}

export const bench = defineBench({
  name: 'creations',
  summary: `${PER_SECOND} claims/s while one pass makes ${CREATIONS} prebuilds, and while none does; 4 min`,
  run: async (stage) => {
    const ground = await layRefillGround(
      stage,
      // So many slots that an organization with two pools may have all creations of one under way.
      { STANDBY_PROVISIONER_CONCURRENCY: '220' },
      { STANDBY_PROVISIONER_TAGS: 'nobody=offers' },
    );
    // Once it is imported no daemon offers its tag: what is made waits, and costs claims nothing but its making.
    await ground.push({ name: LARGE, presets: 1, instances: 0 }, 'tags: { nobody: offers }');
    await ground.daemon.end('SIGTERM');
    await ground.startDaemon();
    await ground.push({ name: CLAIMED, presets: 1, instances: READY });
    await ground.fill(CLAIMED);
    const arms: readonly Arm<Sample>[] = [
      { name: IDLE, prepare: () => ground.fill(CLAIMED), run: () => claimOnly(stage, ground) },
      { name: BUSY, prepare: () => ground.fill(CLAIMED), run: () => claimBeside(stage, ground) },
    ];
    tell(stage, await interleave(stage, arms, ROUNDS));
  },
});

async function claimOnly(stage: Stage, ground: RefillGround): Promise<Sample> {
  const answers = await claimWhile(stage, ground, (asked) => asked < OVERLAPPED);
  return { tookMs: answers.map(took), creationsMs: [] };
}

/** Creates, and takes back, until enough claims have met a creation. */
async function claimBeside(stage: Stage, ground: RefillGround): Promise<Sample> {
  const creations: { readonly startMs: number; readonly endMs: number }[] = [];
  const meetsOne = ({ dueMs, endedMs }: Answer): boolean =>
    creations.some(({ startMs, endMs }) => dueMs < endMs && endedMs > startMs);
  let isOver = false;
  const claims = claimWhile(stage, ground, () => !isOver);
  const creating = async (): Promise<void> => {
    let overlappedMs = 0;
    while (overlappedMs < (OVERLAPPED / PER_SECOND) * 1_000) {
      const { startMs, endMs } = await create(stage, ground);
      creations.push({ startMs, endMs });
      overlappedMs += endMs - startMs;
      await takeBack(stage, ground);
    }
  };
  await creating().finally(() => {
    isOver = true;
  });
  const answers = await claims;
  return {
    tookMs: answers.filter(meetsOne).map(took),
    creationsMs: creations.map(({ startMs, endMs }) => endMs - startMs),
  };
}

function claimWhile(
  stage: Stage,
  ground: RefillGround,
  goOn: (asked: number) => boolean,
): Promise<readonly Answer[]> {
  return askAtPace(stage, { perSecond: PER_SECOND, goOn }, () => ground.claim(CLAIMED, PRESET));
}

/** One pass makes all of them: one transaction. Times are of the monotonic clock. */
async function create(
  { kit: { clock }, signal }: Stage,
  ground: RefillGround,
): Promise<{ readonly startMs: number; readonly endMs: number }> {
  const before = await ground.last(LARGE, 'created');
  const startMs = clock.monotonicMs();
  await ground.resize(LARGE, PRESET, CREATIONS);
  for (;;) {
    const last = await ground.last(LARGE, 'created');
    if (last !== undefined && last.transaction !== before?.transaction) {
      if (last.count !== CREATIONS) throw new Error(`one pass made ${last.count}`);
      return { startMs, endMs: last.atMs - clock.now() + clock.monotonicMs() };
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function takeBack({ kit: { clock }, signal }: Stage, ground: RefillGround): Promise<void> {
  const before = await ground.last(LARGE, 'canceled');
  await ground.resize(LARGE, PRESET, 0);
  while ((await ground.last(LARGE, 'canceled'))?.transaction === before?.transaction) {
    await clock.sleep(POLL_MS, signal);
  }
}

function took({ dueMs, endedMs }: Answer): number {
  return endedMs - dueMs;
}

function tell(stage: Stage, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const rows = [...samples].map(([name, runs]) => {
    const ms = runs.flatMap(({ tookMs }) => tookMs);
    return [
      name,
      String(ms.length),
      ...[0.5, 0.95, 0.99, 1].map((share) => percentile(ms, share).toFixed(1)),
    ];
  });
  const p95Of = (name: string): readonly number[] =>
    samplesOf(samples, name).map(({ tookMs }) => percentile(tookMs, 0.95));
  const creations = samplesOf(samples, BUSY).flatMap(({ creationsMs }) => creationsMs);
  stage.print();
  stage.print(renderTable([['claims, ms', 'times', 'p50', 'p95', 'p99', 'most'], ...rows]));
  stage.print(`p95 beside creations / idle: ${medianRatio(p95Of(BUSY), p95Of(IDLE)).toFixed(2)}`);
  const [middle, most] = [0.5, 1].map((share) => percentile(creations, share).toFixed(0));
  stage.print(`${creations.length} passes of ${CREATIONS} took ${middle} ms, at most ${most} ms`);
}
