// How fast one core decides: `npx tsx bench/decide.ts`. A pass over thousands of presets spends its
// time in the database as long as these stay in microseconds.
import vectors from '../test/vectors/decide.json' with { type: 'json' };
import { planInputSchema } from '../src/contract/plan/snapshot.ts';
import { decidePreset } from '../src/domain/pool/decide.ts';
import { parseCron } from '../src/domain/schedule/cron.ts';
import { readWallClock } from '../src/domain/schedule/wall-clock.ts';

const MINUTE_MS = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');

const inputs = vectors.map((vector) => planInputSchema.parse(vector.input));

function measure(what: string, runs: number, body: (run: number) => unknown): void {
  for (let run = 0; run < runs / 10; run += 1) body(run);
  const startedMs = performance.now();
  for (let run = 0; run < runs; run += 1) body(run);
  const us = ((performance.now() - startedMs) / runs) * 1000;
  process.stdout.write(`${what.padEnd(48)} ${us.toFixed(1).padStart(7)} µs\n`);
}

measure('decide one preset (mean of the worked examples)', 50_000, (run) => {
  const input = inputs[run % inputs.length];
  return input === undefined ? undefined : decidePreset(input.snapshot, input.now, input);
});
measure('read the wall clock of a zone', 200_000, (run) =>
  readWallClock('Australia/Lord_Howe', START + run * MINUTE_MS),
);
measure('parse a cron expression', 100_000, () => parseCron('*/10 8-18 1-15,20 * MON-FRI'));
