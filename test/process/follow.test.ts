// Following and canceling jobs with the real command line, against a whole installation.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { BIN, startProgram, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

let installation: Installation;
let client: Client;
let folder: string;

const environment = (): Record<string, string> => ({ STANDBY_DATA_DIR: installation.dataDir });
const standby = (...argv: readonly string[]): string =>
  execFileSync(BIN, argv, { encoding: 'utf8', env: { ...process.env, ...environment() } });
const start = (...argv: readonly string[]): Program =>
  startProgram(argv, { environment: environment() });

async function buildOf(
  name: string,
): Promise<{ readonly job_id: string; readonly status: string }> {
  const { body } = await client.call(workspaceRoutes.listWorkspaces, { query: { name } });
  expect(body.items).toHaveLength(1);
  return body.items[0]!.latest_build;
}

beforeAll(async () => {
  installation = await createInstallation();
  await installation.up();
  client = await installation.client();
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-follow-'));
  const slow = path.join(folder, 'slow');
  await mkdir(slow);
  await writeFile(
    path.join(slow, 'standby.yaml'),
    'name: slow\ndriver: "null"\n"null": {start: 600s}\n',
  );
  standby('template', 'push', slow);
});
afterAll(async () => {
  await installation.interrupt();
  await installation.remove();
  await rm(folder, { recursive: true });
});

describe('a job on the command line', () => {
  it('is followed to its end, which says how it ended', () => {
    const name = 'w1';
    standby('create', name, '--template', 'hello');
    const { stdout, stderr, status } = spawnSync(
      BIN,
      ['workspace', 'logs', name, '--build', '1', '--follow'],
      { encoding: 'utf8', env: { ...process.env, ...environment() } },
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/running on port \d+/);
    expect(stderr).toBe('The job has succeeded.\n');
  });

  it('is left alone by who stops following it, until somebody cancels it', async () => {
    const creating = start('create', 'w2', '--template', 'slow');
    // Where nobody looks on, it says so only after half a minute.
    await until(async () => expect(await buildOf('w2')).toMatchObject({ status: 'running' }));
    expect(await creating.end('SIGINT')).toBe(130);
    expect(creating.said()).toContain('w2 goes on without you');

    const { job_id: job } = await buildOf('w2');
    const following = start('job', 'logs', job, '--follow');
    expect(standby('job', 'cancel', job, '--dry-run')).toContain('would be asked to stop: start');
    expect(standby('job', 'cancel', job)).toContain('Its daemon is asked to stop: start');
    await following.until('The job was canceled.');
    expect(await buildOf('w2')).toMatchObject({ status: 'canceled' });
    const again = spawnSync(BIN, ['job', 'cancel', job], {
      encoding: 'utf8',
      env: { ...process.env, ...environment() },
    });
    expect(again).toMatchObject({ status: 65, stderr: expect.stringContaining('JOB_ENDED') });
  });
});
