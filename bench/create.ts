// The command a person types, on warm pools: a real installation, the examples, the built bin/standby
// as a process of its own, measured from its start to its exit.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Client } from '../src/client/client.ts';
import { workspaceRoutes } from '../src/contract/workspace/route.ts';
import { startEmbeddedPostgres } from '../src/embedded/server.ts';
import { createInstallation } from '../test/support/installation.ts';
import { BIN } from '../test/support/program.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { median, renderTable } from './support/figures.ts';
import { waitUntilFull } from './support/pool.ts';
import { connect, tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';

const TEMPLATES = ['hello', 'hello-terraform'] as const;
type Template = (typeof TEMPLATES)[number];
/** A look costs the server some milliseconds of those that it needs to refill. */
const REFILL_POLL_MS = 25;
const ROUNDS = { rounds: 20, warmUps: 1 };

interface Run {
  readonly tookMs: number;
  readonly refill?: Refill;
}

interface Refill {
  /** From the claim to the creation of the next prebuild, by the database's clock. */
  readonly begunMs: number;
  /** From the exit of the command to a full pool. */
  readonly fullMs: number;
}

export const bench = defineBench({
  name: 'create',
  summary: '`standby create` on warm pools, from start to exit, and how soon these are full; 5 min',
  run: async (stage) => {
    const installation = await createInstallation();
    stage.onEnd(() => installation.remove());
    await installation.up();
    const { dataDir } = installation;
    const { connection } = await startEmbeddedPostgres(stage.kit, { dataDir }); // adopts it
    await tellPostgres(stage, connection);
    const database = await connect(connection);
    stage.onEnd(() => database.end());
    const client = await installation.client();
    // Whatever else whoever runs this is logged in to.
    const environment = {
      ...{ STANDBY_DATA_DIR: dataDir, XDG_CONFIG_HOME: dataDir },
      ...{ STANDBY_URL: '', STANDBY_TOKEN: '', STANDBY_ORGANIZATION: '' },
    };

    const bare = (name: string, command: string, args: readonly string[]): Arm<Run> => ({
      name,
      run: async () => ({ tookMs: (await launch(stage, { command, args, environment })).tookMs }),
    });
    let made = 0;
    const create = (template: Template): Arm<Run> => ({
      name: createOf(template),
      prepare: () => waitUntilFull(stage, { client, template, pollMs: REFILL_POLL_MS }),
      run: async () => {
        const name = `bench-${++made}`;
        const args = ['create', name, '--template', template];
        const { tookMs, output } = await launch(stage, { command: BIN, args, environment });
        if (!output.includes('claimed from the pool')) throw new Error(output);
        const startedMs = stage.kit.clock.monotonicMs();
        await waitUntilFull(stage, { client, template, pollMs: REFILL_POLL_MS });
        const fullMs = stage.kit.clock.monotonicMs() - startedMs;
        const { rows } = await database.query<{ readonly ms: number }>(REFILL_BEGUN);
        await remove(client, name);
        return { tookMs, refill: { fullMs, begunMs: rows[0]?.ms ?? NaN } };
      },
    });
    const samples = await interleave(
      stage,
      [
        bare('node -e 0', process.execPath, ['-e', '0']),
        bare('standby --version', BIN, ['--version']),
        ...TEMPLATES.map(create),
      ],
      ROUNDS,
    );
    tell(stage, samples);
  },
});

/** Of the last claim. */
const REFILL_BEGUN = `
  select extract(epoch from min(w.created_at) - c.at)::float8 * 1000 as ms
  from (select at, pool_id from claims order by at desc limit 1) as c
  join workspaces w on w.pool_id = c.pool_id and w.created_at >= c.at
  group by c.at`;

function createOf(template: Template): string {
  return `standby create --template ${template}`;
}

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

async function launch(
  { kit: { clock } }: Stage,
  { command, args, environment }: Launch,
): Promise<{ readonly tookMs: number; readonly output: string }> {
  const startedMs = clock.monotonicMs();
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
    });
  }
  const closed = once(child, 'close');
  const [status] = (await once(child, 'exit')) as [number | null];
  const tookMs = clock.monotonicMs() - startedMs;
  await closed;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`);
  return { tookMs, output };
}

async function remove(client: Client, name: string): Promise<void> {
  const found = await client.call(workspaceRoutes.listWorkspaces, { query: { name } });
  for (const { id } of found.body.items) {
    const params = { workspace: id };
    await client.call(workspaceRoutes.deleteWorkspace, { params });
    await client.call(workspaceRoutes.getWorkspace, { params, query: { wait_ms: 30_000 } });
  }
}

function tell(stage: Stage, samples: ReadonlyMap<string, readonly Run[]>): void {
  const measured = [
    ...[...samples].map(([name, runs]) => [name, runs.map(({ tookMs }) => tookMs)] as const),
    ...TEMPLATES.flatMap((template) => {
      const refills = samplesOf(samples, createOf(template)).flatMap(({ refill }) => refill ?? []);
      return [
        [
          `${template}: refill begun after the claim`,
          refills.map(({ begunMs }) => begunMs),
        ] as const,
        [`${template}: pool full after the exit`, refills.map(({ fullMs }) => fullMs)] as const,
      ];
    }),
  ];
  const rows = measured.map(([name, ms]) => [
    name,
    ...[median(ms), Math.min(...ms), Math.max(...ms)].map((each) => each.toFixed(0)),
  ]);
  stage.print();
  stage.print(renderTable([[`ms, ${ROUNDS.rounds} runs`, 'median', 'min', 'max'], ...rows]));
}
