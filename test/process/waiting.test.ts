// Waiting in line with the real programs: what a person sees, and that nobody is lost over `kill -9`.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createStandby, type Standby } from '../../src/client/standby.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { buildBin, runBin, startProgram, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

let scratch: string;
let port: number;
let database: TestDatabase;
let server: Program;
let daemon: Program;
const running: Program[] = [];

const start = async (ready: string, ...argv: readonly string[]): Promise<Program> => {
  const program = startProgram([...argv, '--data-dir', scratch], {
    environment: { STANDBY_DATABASE_URL: database.url },
  });
  running.push(program);
  await program.until(ready);
  return program;
};
const startServer = (): Promise<Program> =>
  start('Standby serves at', 'server', '--http-port', String(port), '--log-level', 'error');

beforeAll(async () => {
  buildBin();
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-waiting-'));
  port = await freePort();
  database = await createTestDatabase({ schema: 'empty' });
  server = await startServer();
  daemon = await start('The daemon works for', 'provisioner', '--drivers', 'null');
  const folder = path.join(scratch, 'template');
  await mkdir(folder);
  await writeFile(
    path.join(folder, 'standby.yaml'),
    'name: warm\ndriver: "null"\npresets: [{name: small, prebuilds: {instances: 1, max_instances: 3}}]\n',
  );
  await ask('template', 'push', folder);
  await daemon.end('SIGTERM');
}, 120_000);
afterAll(async () => {
  for (const program of running.reverse()) {
    if (program.child.exitCode === null) await program.end('SIGTERM');
  }
  await database.close();
  await rm(scratch, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({ STANDBY_DATA_DIR: scratch });
async function ask(...argv: readonly string[]): Promise<Record<string, unknown>> {
  const { status, out, err } = await runBin([...argv, '--json'], { environment: environment() });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}
const create = (name: string): readonly string[] => [
  ...['create', name, '--template', 'warm', '--on-empty', 'wait'],
];

it('people stand in line, leave it, and are served in order over a kill', async () => {
  // What was built before the daemon went away.
  await runBin(['create', 'before', '--template', 'warm', '--on-empty', 'fail', '--no-wait'], {
    environment: environment(),
  });
  expect(await ask(...create('first'), '--no-wait')).toMatchObject({ position: 1 });
  expect(await ask(...create('second'), '--no-wait')).toMatchObject({ position: 2 });

  const leaving = startProgram(create('leaving'), { environment: environment() });
  await leaving.until('leaving waits for a prebuild: number 3 in line');
  expect(await leaving.end('SIGINT')).toBe(130);
  expect(leaving.said()).toContain('leaving does not wait any more');
  expect(await ask('waiter', 'show', 'leaving')).toMatchObject({ state: 'canceled' });

  await server.end('SIGKILL');
  server = await startServer();
  const third = startProgram(create('third'), { environment: environment() });
  await third.until('third waits for a prebuild: number 3 in line');

  daemon = await start('The daemon works for', 'provisioner', '--drivers', 'null');
  expect(await third.until('third is ready after')).toContain('claimed from the pool');
  const [first, second, last] = await Promise.all(
    ['first', 'second', 'third'].map((name) => ask('waiter', 'show', name)),
  );
  for (const waiter of [first, second, last]) expect(waiter).toMatchObject({ state: 'served' });
  const ended = [first, second, last].map((waiter) => String(waiter!['ended_at']));
  expect(ended).toEqual([...ended].sort());
  expect(await ask('workspace', 'show', 'first')).toMatchObject({
    id: first!['workspace_id'],
  });
}, 120_000);

it('a program stands in line while the server is away for long, and is served when it is back', async () => {
  await daemon.end('SIGTERM');
  const empty = ['--template', 'warm', '--on-empty', 'fail', '--no-wait'];
  await until(async () => {
    const { status } = await runBin(['create', `taken-${taken++}`, ...empty], {
      environment: environment(),
    });
    expect(status).toBe(75);
  });
  let waits = false;
  const { standby, failed } = await countingFailures();
  const claim = standby.claim(
    { template: 'warm', on_empty: 'wait' },
    { onWaiting: () => (waits = true) },
  );
  claim.catch(() => undefined); // looked at below
  await until(() => expect(waits).toBe(true));
  await server.end('SIGKILL');
  // A call is tried four times unless it waits in line.
  await until(() => expect(failed()).toBeGreaterThan(5));
  server = await startServer();
  await start('The daemon works for', 'provisioner', '--drivers', 'null');
  expect(await claim).toMatchObject({ claimed: true, workspace: { usable: true } });
}, 120_000);

let taken = 0;

async function countingFailures(): Promise<{
  readonly standby: Standby;
  readonly failed: () => number;
}> {
  const text = await readFile(path.join(scratch, 'credentials.json'), 'utf8');
  let failures = 0;
  const standby = createStandby({
    ...(JSON.parse(text) as { readonly url: string; readonly token: string }),
    fetch: (url, init) =>
      fetch(url, init).catch((error: unknown) => {
        failures += 1;
        throw error;
      }),
  });
  return { standby, failed: () => failures };
}
