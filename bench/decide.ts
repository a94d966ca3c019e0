// How fast one core decides. A pass over thousands of presets spends its time in the database as long
// as these stay in microseconds.
import vectors from '../test/vectors/decide.json' with { type: 'json' };
import { planInputSchema } from '../src/contract/plan/snapshot.ts';
import { decidePreset } from '../src/domain/pool/decide.ts';
import { parseCron } from '../src/domain/schedule/cron.ts';
import { readWallClock } from '../src/domain/schedule/wall-clock.ts';
import type { Clock } from '../src/base/clock.ts';
import { defineBench } from './support/bench.ts';
import { median, renderTable } from './support/figures.ts';
import { interleave, type Arm } from './support/rounds.ts';

const MINUTE_MS = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');

const inputs = vectors.map((vector) => planInputSchema.parse(vector.input));

export const bench = defineBench({
  name: 'decide',
  summary: 'deciding one preset, reading a wall clock, parsing a cron expression, on one core',
  run: async (stage) => {
    const { clock } = stage.kit;
    const samples = await interleave(
      stage,
      [
        repeated(clock, 'decide one preset (mean of the worked examples)', 5_000, (run) => {
          const input = inputs[run % inputs.length];
          if (input !== undefined) decidePreset(input.snapshot, input.now, input);
        }),
        repeated(clock, 'read the wall clock of a zone', 20_000, (run) =>
          readWallClock('Australia/Lord_Howe', START + run * MINUTE_MS),
        ),
        repeated(clock, 'parse a cron expression', 10_000, () =>
          parseCron('*/10 8-18 1-15,20 * MON-FRI'),
        ),
      ],
      { rounds: 11, warmUps: 2 },
    );
    const rows = [...samples].map(([name, us]) => [
      name,
      ...[median(us), Math.min(...us), Math.max(...us)].map((each) => each.toFixed(1)),
    ]);
    stage.print(renderTable([['µs', 'median', 'min', 'max'], ...rows]));
  },
});

/** Runs `body` `times` times; a sample is what one run took, in microseconds. */
function repeated(
  clock: Clock,
  name: string,
  times: number,
  body: (run: number) => unknown,
): Arm<number> {
  return {
    name,
    run: () => {
      const startedMs = clock.monotonicMs();
      for (let run = 0; run < times; run += 1) body(run);
      return ((clock.monotonicMs() - startedMs) / times) * 1_000;
    },
  };
}
