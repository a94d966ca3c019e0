// The periodic pass of the leader where nothing is to do: the price of the safety net. It has to follow
// what is alive, so that the largest database is read once more with a million dead workspaces in it.
import { ensureAllMemberships } from '../src/reconciler/membership.ts';
import { createReconciler } from '../src/reconciler/reconciler.ts';
import { CHECKS } from '../src/store/doctor/all.ts';
import { examine } from '../src/store/doctor/examine.ts';
import { createDatabase, type ConnectionParts, type Database } from '../src/store/database.ts';
import { migrateSchema } from '../src/main/server/open-database.ts';
import { countStatements } from '../test/support/counted-database.ts';
import { nothingFirst } from '../test/support/precedence.ts';
import { nobodyWaits, RECONCILER_OPTIONS } from '../test/support/reconcile.ts';
import { addHistory } from './pass/history.ts';
import { fillPools, type PoolsToFill } from './pass/pools.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { CONNECTIONS } from './support/connections.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { connect, createSibling, startPostgres, tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';

const FEW: PoolsToFill = { presets: 500, prebuilds: 5 };
const MANY: PoolsToFill = { presets: 10_000, prebuilds: 10 };
const HISTORY = 1_000_000;
const ROUNDS = { rounds: 15, warmUps: 2 };
/** Longer than the bench: what renews the lease or passes by itself would be counted too. */
const NEVER_MS = 86_400_000;

const SMALL = 'few';
const LARGE = 'many';
const OLD = 'many, with history';

interface Sample {
  readonly ms: number;
  /** With those that begin and end a transaction. */
  readonly statements: number;
}

export const bench = defineBench({
  name: 'pass',
  summary: `a pass with nothing to do over ${sizeOf(FEW)}, and over ${sizeOf(MANY)} without and with ${HISTORY} dead workspaces; 4 min`,
  run: async (stage) => {
    // Room for what is filled in; nothing is written while passes are measured.
    const server = await startPostgres(stage, { max_wal_size: '4GB', work_mem: '64MB' });
    await tellPostgres(stage, server);
    const small = await createSibling(server, 'small');
    const large = await createSibling(server, 'large');
    await fill(stage, small, FEW);
    await fill(stage, large, MANY);
    const old = await createSibling(server, 'old', 'large');
    const client = await connect(old);
    await addHistory(stage.kit, client, HISTORY);
    await client.end();
    const arms = [
      await createArm(stage, SMALL, small),
      await createArm(stage, LARGE, large),
      await createArm(stage, OLD, old),
    ];
    tell(stage, await interleave(stage, arms, ROUNDS));
  },
});

function sizeOf({ presets, prebuilds }: PoolsToFill): string {
  return `${presets} × ${prebuilds}`;
}

/** What it fills with has to be what the product itself would have written: nothing is wrong with it. */
async function fill(stage: Stage, connection: ConnectionParts, size: PoolsToFill): Promise<void> {
  const database = openDatabase(stage, connection);
  await migrateSchema(stage.kit, database);
  const client = await connect(connection);
  await fillPools(stage.kit, client, size);
  await client.end();
  await ensureAllMemberships(stage.kit, database);
  const { findings } = await database.transaction((tx) =>
    examine(tx, CHECKS, { checkTimeoutMs: 10_000 }),
  );
  const wrong = findings.map(({ id, subjects }) => `${id} (${subjects[0] ?? ''})`);
  await database.close();
  if (wrong.length > 0) throw new Error(`the filled database is wrong: ${wrong.join(', ')}`);
}

function openDatabase({ kit }: Stage, connection: ConnectionParts): Database {
  const maxConnections = CONNECTIONS.others;
  return createDatabase(kit, { connection, maxConnections, applicationName: 'bench' });
}

/** Through the whole reconciler, so that its lease and its queue are part of a pass. */
async function createArm(
  stage: Stage,
  name: string,
  connection: ConnectionParts,
): Promise<Arm<Sample>> {
  const database = countStatements(openDatabase(stage, connection));
  stage.onEnd(() => database.close());
  const reconciler = createReconciler(
    stage.kit,
    {
      bus: { subscribe: () => () => undefined },
      ...{ database, serveWaiters: nobodyWaits, precedence: nothingFirst },
    },
    { ...RECONCILER_OPTIONS, intervalMs: NEVER_MS, leaseTtlMs: NEVER_MS },
  );
  await reconciler.start();
  stage.onEnd(() => reconciler.stop('the bench is over', 5_000));
  await reconciler.pass();
  return {
    name,
    run: async () => {
      database.take();
      const result = await reconciler.pass();
      if (result.kind !== 'completed') throw new Error(`the pass was ${result.kind}`);
      if (result.reconciled > 0) throw new Error(`${result.reconciled} presets had work`);
      const { statements, transactions } = database.take();
      return { ms: result.elapsedMs, statements: statements.length + 2 * transactions };
    },
  };
}

function tell(stage: Stage, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const timesOf = (name: string): readonly number[] => samplesOf(samples, name).map(({ ms }) => ms);
  const rows = [...samples].map(([name, passes]) => {
    const ms = timesOf(name);
    return [
      name,
      ...[median(ms), Math.min(...ms), Math.max(...ms)].map((each) => each.toFixed(0)),
      String(Math.max(...passes.map(({ statements }) => statements))),
    ];
  });
  stage.print();
  stage.print(renderTable([['ms', 'median', 'least', 'most', 'statements'], ...rows]));
  stage.print(`with / without history: ${medianRatio(timesOf(OLD), timesOf(LARGE)).toFixed(2)}`);
}
