// `standby/client` as it is published: imported by programs that have nothing else, among them the examples.
import { execFile, execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { createStandby } from '../../src/client/standby.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { createInstallation, type Installation } from '../support/installation.ts';

const run = promisify(execFile);
let scratch: string;
let installation: Installation;
let client: Client;
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-client-'));
  installation = await createInstallation();
  await installation.up();
  client = await installation.client();
  const file = path.join(installation.dataDir, 'credentials.json');
  const { url, token } = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
  environment = { STANDBY_URL: String(url), STANDBY_TOKEN: String(token) };
  await install();
}, 240_000);
afterAll(async () => {
  await installation.interrupt();
  await installation.remove();
  await rm(scratch, { recursive: true, force: true });
});

/** The package, and nothing else, as `npm install` puts it there. */
async function install(): Promise<void> {
  const packed = execFileSync('npm', ['pack', '--pack-destination', scratch], { stdio: 'pipe' });
  const archive = path.join(scratch, String(packed).trim().split('\n').at(-1) ?? '');
  const folder = path.join(scratch, 'node_modules', 'standby');
  await mkdir(folder, { recursive: true });
  execFileSync('tar', ['--extract', '--strip-components=1', '--file', archive], { cwd: folder });
  await cp('examples', scratch, { recursive: true });
}

const example = async (...argv: readonly string[]): Promise<string> => {
  const env = { ...process.env, ...environment };
  return (await run(process.execPath, argv, { cwd: scratch, env })).stdout;
};

/** Of the administrator, whose token the programs have. */
const living = async (): Promise<readonly string[]> => {
  const { body } = await client.call(workspaceRoutes.listWorkspaces, { query: {} });
  return (
    body.items
      // Whether a daemon has taken the delete yet or not.
      .filter(({ latest_build: { transition } }) => transition !== 'delete')
      .map(({ name }) => name)
  );
};

describe('the examples', () => {
  it('a CI job uses a workspace and gives it back', async () => {
    const said = await example('ci-job.mjs');
    expect(said).toMatch(/testing against claim-\w+ at http:/);
    expect(said).toMatch(/passed\n$/);
    expect(await living()).toEqual([]);
  });

  it('a CI job that fails gives it back, too', async () => {
    const job = await readFile('examples/ci-job.mjs', 'utf8');
    const failing = job.replace('if (!answer.ok)', 'if (answer.ok)');
    expect(failing).not.toBe(job);
    await writeFile(path.join(scratch, 'failing.mjs'), failing);
    await expect(example('failing.mjs')).rejects.toThrow('it answered with HTTP 200');
    expect(await living()).toEqual([]);
  });

  it('a fleet does every task in a workspace of its own', async () => {
    const tasks = ['one', 'two', 'three', 'four', 'five', 'six'];
    const said = await example('agent-fleet.mjs', ...tasks);
    const done = said.trim().split('\n');
    expect(done.map((line) => line.split(':')[0]).sort()).toEqual([...tasks].sort());
    expect(await living()).toEqual([]);
  });
});

it('a claim that is aborted while it waits in line leaves nothing behind', async () => {
  const standby = createStandby({
    url: environment['STANDBY_URL'] ?? '',
    token: environment['STANDBY_TOKEN'],
  });
  const abort = new AbortController();
  const waiting = { template: 'hello', preset: 'default', on_empty: 'wait' } as const;
  // More than the pool ever has: somebody waits.
  const claims = Array.from({ length: 14 }, () =>
    standby.claim(waiting, {
      signal: abort.signal,
      onWaiting: () => abort.abort(new Error('enough')),
    }),
  );
  const ends = await Promise.allSettled(claims);
  expect(ends.some(({ status }) => status === 'rejected')).toBe(true);
  for (const end of ends) {
    if (end.status === 'fulfilled') await standby.giveBack(end.value.workspace.id);
    else expect(end.reason).toEqual(new Error('enough'));
  }
  expect(await living()).toEqual([]);
});

it('the types of the package tell what a claim gives', async () => {
  await symlink(path.resolve('node_modules/zod'), path.join(scratch, 'node_modules', 'zod'));
  await symlink(path.resolve('node_modules/@types'), path.join(scratch, 'node_modules', '@types'));
  await writeFile(
    path.join(scratch, 'typed.mts'),
    `import { createStandby, routes, type Claim } from 'standby/client';
     const standby = createStandby({ url: 'http://127.0.0.1:7850', token: 'sbt_x' });
     const claim: Claim = await standby.claim({ template: 'hello', on_empty: 'wait' });
     const name: string = claim.workspace.name;
     const sum: number = await standby.withWorkspace({ template: 'hello' }, () => 1);
     const pools = await standby.client.call(routes.listPools, { params: { organization: name }, query: {} });
     const size: number = pools.body.items.length + sum;
     // @ts-expect-error: there is no such answer to an empty pool
     await standby.claim({ template: 'hello', on_empty: 'despair' });
     // @ts-expect-error: a number is no text
     const wrong: number = claim.workspace.name;
     export { size, wrong };
    `,
  );
  const tsc = path.resolve('node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
  const { stdout } = await run(process.execPath, [tsc, ...options, 'typed.mts'], { cwd: scratch });
  expect(stdout).toBe('');
});
