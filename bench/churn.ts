// Whether anything grows while workspaces come and go: the memory of both programs, and every table and
// index, with a history that is kept for seconds instead of a month.
import { examineInstallation } from '../src/main/doctor/report.ts';
import { createDatabase } from '../src/store/database.ts';
import { archiveOf, manifestText } from '../test/support/pushed-template.ts';
import { churn } from './churn/callers.ts';
import { countRows, readSizes, type Size } from './churn/sizes.ts';
import { slopeOver } from './churn/slope.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { percentile, renderTable } from './support/figures.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { residentMiB } from './support/machine.ts';
import { waitUntilFull } from './support/pool.ts';
import { connect, startPostgres, tellPostgres } from './support/postgres.ts';

const TEMPLATE = 'churned';
const PRESETS = 2;
const INSTANCES = 100;
const CALLERS = 16;
const CLAIMS = 100_000;
const PARTS = 10;
/** Parts in which caches fill and tables find their size: nothing is compared with them. */
const WARM_UP = 3;
/** Of each part. */
const MEMORY_SAMPLES = 20;

const SETTINGS = {
  STANDBY_PROVISIONER_CONCURRENCY: '16',
  STANDBY_HISTORY_RETENTION: '10s',
  STANDBY_SWEEP_INTERVAL: '2s',
};
/** A key counts for a day, and keeps its workspace as long: here it has become old after seconds. */
const AGE_KEYS = `
  update idempotency_keys
  set created_at = created_at - interval '1 day'
  where created_at between standby_now() - interval '12 hours' and standby_now() - interval '5 seconds'`;
const AGE_KEYS_EVERY_MS = 1_000;
/** What grows by less is noise of the moment at which vacuum came by. */
const GROWN = { share: 0.05, bytes: 256 * 1024 };

/** Of one part each. */
const COLUMNS = [
  ...['claims', 'until s', 'p50 ms', 'p99 ms', 'server MiB', 'daemon MiB', 'database MiB'],
  'workspaces',
];
const HEADER = COLUMNS.join('  ');

interface Memory {
  readonly server: number;
  readonly daemon: number;
}

/** What was seen at the end of a part of the run. */
interface Part {
  readonly tookMs: readonly number[];
  readonly endedMs: number;
  readonly memory: readonly Memory[];
  readonly sizes: readonly Size[];
  readonly workspaces: number;
}

export const bench = defineBench({
  name: 'churn',
  argument: 'CLAIMS',
  summary: `memory, tables and indexes while workspaces are claimed and deleted, ${CLAIMS} of them; 10 min`,
  run: async (stage, argument = String(CLAIMS)) => {
    const claims = Number(argument);
    if (!Number.isSafeInteger(claims) || claims < PARTS * MEMORY_SAMPLES) {
      throw new Error(`"${argument}" is no number of claims from ${PARTS * MEMORY_SAMPLES} on`);
    }
    const connection = await startPostgres(stage);
    await tellPostgres(stage, connection);
    const installation = await startInstallation(stage, SETTINGS, { connection });
    const listed = Array.from(
      { length: PRESETS },
      (_, n) => `{ name: preset-${n + 1}, prebuilds: { instances: ${INSTANCES} } }`,
    );
    await installation.push(
      TEMPLATE,
      archiveOf(manifestText(TEMPLATE, 'claim: instant', `presets: [${listed.join(', ')}]`)),
    );
    await waitUntilFull(stage, { client: installation.client, template: TEMPLATE, pollMs: 100 });
    tell(stage, await watchChurn(stage, installation, claims));
    await tellDoctor(stage, installation);
  },
});

async function watchChurn(
  stage: Stage,
  installation: Installation,
  claims: number,
): Promise<readonly Part[]> {
  const { kit } = stage;
  const database = await connect(installation.connection);
  stage.onEnd(() => database.end());
  const startMs = kit.clock.monotonicMs();
  const parts: Promise<Part>[] = [];
  let tookMs: number[] = [];
  let memory: Promise<Memory>[] = [];
  const endPart = async (): Promise<Part> => {
    const ended = { tookMs, endedMs: kit.clock.monotonicMs() - startMs };
    const part = {
      ...{ ...ended, memory: await Promise.all(memory) },
      ...{ sizes: await readSizes(database), workspaces: await countRows(database) },
    };
    stage.print(describe(part));
    return part;
  };
  const perPart = claims / PARTS;
  stage.print(`\n${HEADER}`);
  const over = new AbortController();
  const ageing = ageKeys(stage, installation, over.signal);
  await churn(stage, {
    ...{ client: installation.client, template: TEMPLATE, presets: PRESETS },
    ...{ callers: CALLERS, claims },
    onClaimed: (ms) => {
      tookMs.push(ms);
      if (tookMs.length % Math.floor(perPart / MEMORY_SAMPLES) === 0) {
        memory.push(readMemory(installation));
      }
      if (tookMs.length < perPart) return;
      parts.push(endPart());
      tookMs = [];
      memory = [];
    },
  }).finally(() => over.abort());
  await ageing;
  return Promise.all(parts);
}

async function readMemory({ server, daemon }: Installation): Promise<Memory> {
  return {
    server: await residentMiB(server.child.pid ?? 0),
    daemon: await residentMiB(daemon.child.pid ?? 0),
  };
}

async function ageKeys(
  { kit }: Stage,
  { connection }: Installation,
  over: AbortSignal,
): Promise<void> {
  const database = await connect(connection);
  while (!over.aborted) {
    await database.query(AGE_KEYS);
    await kit.clock.sleep(AGE_KEYS_EVERY_MS, over).catch(() => undefined); // the last one
  }
  await database.end();
}

/** One line, so that a run of many minutes shows how it goes. */
function describe({ tookMs, endedMs, memory, sizes, workspaces }: Part): string {
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  const { server = NaN, daemon = NaN } = memory.at(-1) ?? {};
  const figures = [
    ...[tookMs.length, (endedMs / 1_000).toFixed(0)],
    ...[0.5, 0.99].map((share) => percentile(tookMs, share).toFixed(1)),
    ...[server, daemon, (bytes / 1024 ** 2).toFixed(1), workspaces],
  ];
  return COLUMNS.map((name, column) => String(figures[column]).padStart(name.length)).join('  ');
}

function tell(stage: Stage, parts: readonly Part[]): void {
  const settled = parts.slice(WARM_UP);
  stage.print();
  for (const name of ['server', 'daemon'] as const) {
    const samples = settled.flatMap(({ memory }) => memory.map((sample) => sample[name]));
    const slope = `${(slopeOver(samples) * 100).toFixed(1)} %`;
    stage.print(
      `${name}: ${Math.min(...samples)} to ${Math.max(...samples)} MiB, slope ${slope} after ${WARM_UP} of ${PARTS} parts`,
    );
  }
  const p99 = (part: Part | undefined): number => percentile(part?.tookMs ?? [], 0.99);
  stage.print(`p99 of the last part / first: ${(p99(parts.at(-1)) / p99(parts[0])).toFixed(2)}`);
  tellGrown(stage, settled);
}

/** Names what the last parts have larger than the first ones after the warm-up. */
function tellGrown(stage: Stage, settled: readonly Part[]): void {
  const half = Math.floor(settled.length / 2);
  const most = (some: readonly Part[], name: string): number =>
    Math.max(...some.map(({ sizes }) => sizes.find((size) => size.name === name)?.bytes ?? 0));
  const names = settled.at(-1)?.sizes.map(({ name }) => name) ?? [];
  const grown = names.flatMap((name) => {
    const [before, after] = [most(settled.slice(0, half), name), most(settled.slice(-half), name)];
    const by = after - before;
    return by > GROWN.bytes && by > before * GROWN.share ? [{ name, before, after }] : [];
  });
  stage.print(`tables and indexes that grew after ${WARM_UP} of ${PARTS} parts: ${grown.length}`);
  const kib = (bytes: number): string => (bytes / 1024).toFixed(0);
  if (grown.length === 0) return;
  stage.print(
    renderTable([
      ['', 'KiB before', 'KiB after'],
      ...grown.map(({ name, before, after }) => [name, kib(before), kib(after)]),
    ]),
  );
}

async function tellDoctor(stage: Stage, { connection }: Installation): Promise<void> {
  const { kit } = stage;
  const options = { connection, maxConnections: 1, applicationName: 'bench' };
  const database = createDatabase(kit, options);
  try {
    const { findings, unfinished } = await examineInstallation(kit.clock, database);
    const found = findings.map(({ id, total }) => `${id} (${total})`);
    stage.print(`the doctor found: ${[...found, ...unfinished].join(', ') || 'nothing'}`);
  } finally {
    await database.close();
  }
}
