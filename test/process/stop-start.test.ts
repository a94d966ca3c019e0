// A person stops a workspace and starts it again, with the real program and real processes.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { plannedBuildView } from '../../src/contract/workspace/planned-build.ts';
import { workspaceView, type WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { runBin } from '../support/program.ts';
import { until } from '../support/until.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await createInstallation();
  await installation.up();
}, 120_000);
afterAll(() => installation.remove(), 60_000);

const run = (...argv: readonly string[]): ReturnType<typeof runBin> =>
  runBin(argv, { environment: { STANDBY_DATA_DIR: installation.dataDir } });

/** What it prints; it must succeed. */
const tell = async (...argv: readonly string[]): Promise<string> => {
  const { status, out, err } = await run(...argv);
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${err}`);
  return out;
};

const show = async (...argv: readonly string[]): Promise<WorkspaceView> =>
  workspaceView.parse(JSON.parse(await tell(...argv, '--json')));

const greeting = '<h1>Hello, Administrator!</h1>';
const page = async (url: string): Promise<string> => (await fetch(url)).text();
const greets = (url: string): Promise<void> =>
  until(async () => expect(await page(url)).toContain(greeting));

it('stops a workspace, which stays stopped over a restart, and starts it where it was', async () => {
  await tell('create', 'demo', '--template', 'hello');
  const url = (await tell('workspace', 'open', 'demo')).trim();
  await greets(url);

  expect(await tell('workspace', 'stop', 'demo')).toBe('demo is stopped.\n');
  await expect(page(url)).rejects.toThrow('fetch failed');
  expect(await tell('workspace', 'stop', 'demo')).toBe('demo is stopped.\n');

  await installation.interrupt();
  await installation.up();
  expect(await tell('workspace', 'list')).toMatch(/demo .*stopped/);
  await expect(page(url)).rejects.toThrow('fetch failed');

  expect(await tell('workspace', 'start', 'demo')).toBe(`demo is ready.\nOpen it: ${url}\n`);
  await greets(url);
  expect(await tell('workspace', 'restart', 'demo')).toBe(`demo is ready.\nOpen it: ${url}\n`);
  await greets(url);

  const { latest_build: restarted } = await show('workspace', 'show', 'demo');
  const dryRun = ['workspace', 'update', 'demo', '--dry-run'] as const;
  expect(await tell(...dryRun)).toBe(
    `demo runs version ${restarted.version} with these values: nothing would be done.\n`,
  );
  expect(await run(...dryRun, '--parameter', 'greeting=Hej')).toMatchObject({
    status: 65,
    out: expect.stringMatching(
      /^demo would be .*\nIt would be refused: .*\(PARAMETERS_INVALID\)\n/,
    ),
  });
  const planned = await run(...dryRun, '--parameter', 'greeting=Hej', '--json');
  expect(plannedBuildView.parse(JSON.parse(planned.out))).toMatchObject({
    action: 'restart',
    refusals: [{ issues: [{ code: 'PARAMETER_IMMUTABLE', parameter: 'greeting' }] }],
  });
  expect(await tell('workspace', 'update', 'demo', '--parameter', 'greeting=Hello')).toBe(
    `demo runs version ${restarted.version} with these values: nothing is to be done.\n`,
  );
  expect(await show('workspace', 'update', 'demo')).toMatchObject({ latest_build: restarted });
  await greets(url);

  expect(await tell('workspace', 'restart', 'demo', '--dry-run')).toBe(
    `demo would be stopped, and built anew with version ${restarted.version}, as before.\n`,
  );
  // It could not be started again, and so it is not stopped.
  await tell('template', 'delete', 'hello');
  expect(await run('workspace', 'restart', 'demo')).toMatchObject({
    status: 65,
    err: expect.stringContaining('TEMPLATE_DELETED'),
  });
  expect(await show('workspace', 'show', 'demo')).toMatchObject({ latest_build: restarted });
  await greets(url);
  await tell('workspace', 'delete', 'demo');
  await expect(page(url)).rejects.toThrow('fetch failed');
}, 180_000);
