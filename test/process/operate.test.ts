// Operating pools with the real program, on a server and a daemon of their own.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { buildBin, runBin, startProgram, type Program } from '../support/program.ts';

let scratch: string;
let database: TestDatabase;
const running: Program[] = [];

beforeAll(async () => {
  buildBin();
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-operate-'));
  database = await createTestDatabase({ schema: 'empty' });
  const environment = { STANDBY_DATABASE_URL: database.url };
  const start = async (ready: string, ...argv: readonly string[]): Promise<void> => {
    const program = startProgram([...argv, '--data-dir', scratch], { environment });
    running.push(program);
    await program.until(ready);
  };
  await start('Standby serves at', 'server', '--http-port', '0', '--log-level', 'error');
  await start('The daemon works for', 'provisioner', '--drivers', 'null');
  const folder = path.join(scratch, 'template');
  await mkdir(folder);
  await writeFile(
    path.join(folder, 'standby.yaml'),
    'name: warm\ndriver: "null"\npresets: [{name: small, prebuilds: {instances: 1}}]\n',
  );
  await ask('template', 'push', folder);
});
afterAll(async () => {
  for (const program of running.reverse()) await program.end('SIGTERM');
  await database.close();
  await rm(scratch, { recursive: true, force: true });
});

const run = (...argv: readonly string[]) =>
  runBin(argv, { environment: { STANDBY_DATA_DIR: scratch } });

/** What it prints; it must succeed. */
async function tell(...argv: readonly string[]): Promise<string> {
  const { status, out, err } = await run(...argv);
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${err}`);
  return out;
}

async function ask(...argv: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await tell(...argv, '--json')) as Record<string, unknown>;
}

const ready = (count: number) =>
  expect
    .poll(async () => (await ask('pool', 'show', 'warm/small'))['state'])
    .toMatchObject({ eligible: count, starting: 0, deleting: 0 });

describe('an operator', () => {
  it('resizes, pauses and resumes a pool, and is told what comes of it', async () => {
    await ready(1);
    expect(await tell('pool', 'set', 'warm/small', '--instances', '3', '--dry-run')).toBe(
      'Pool default/warm/small would be set to 3 where no schedule of its template says otherwise.\n' +
        'Its next turn: create 2\n',
    );
    expect(await ask('pool', 'show', 'warm/small')).toMatchObject({ size_override: null });
    await tell('pool', 'set', 'default/warm/small', '--instances', '3');
    await ready(3);

    expect(await tell('pool', 'pause', 'warm/small')).toBe(
      'Pool default/warm/small is paused.\nIts next turn: nothing\n',
    );
    expect(await tell('pool', 'set', 'warm/small', '--from-template')).toBe(
      'Pool default/warm/small is as large as its template says.\n' +
        'Its next turn: nothing\n0 creations and 2 deletions withheld: paused\n',
    );
    expect(await tell('pool', 'list')).toMatch(
      /warm\/small .* paused; 0 creations and 2 deletions/,
    );
    await tell('pool', 'resume', 'warm/small');
    await ready(1);
    const shown = await tell('pool', 'show', 'warm/small');
    for (const kind of ['resized', 'paused', 'resumed', 'delete_started']) {
      expect(shown).toContain(kind);
    }
  });

  it('has the prebuilds of one pool replaced', async () => {
    const before = await ask('pool', 'show', 'warm/small');
    expect(before['last_invalidated_at']).toBeNull();
    expect(await tell('pool', 'invalidate', 'warm/small', '--dry-run')).toBe(
      'Pool default/warm/small would be invalidated.\nIts next turn: delete 1 (expired), create 1\n',
    );
    expect(await ask('pool', 'show', 'warm/small')).toMatchObject({ last_invalidated_at: null });
    expect(await tell('pool', 'invalidate', 'warm/small')).toBe(
      'Pool default/warm/small is invalidated.\nIts next turn: delete 1 (expired), create 1\n',
    );
    await ready(1);
    const shown = await tell('pool', 'show', 'warm/small');
    for (const kind of ['invalidated', 'deleted']) expect(shown).toContain(kind);
    expect(shown).not.toMatch(/last invalidated +never/);
  });

  it('deletes one prebuild, and the pool makes another', async () => {
    interface Member {
      readonly workspace_id: string;
      readonly name: string;
    }
    for (const by of ['workspace_id', 'name'] as const) {
      const { members } = await ask('pool', 'show', 'warm/small');
      const [first] = members as readonly [Member];
      expect(await tell('workspace', 'delete', first[by])).toBe(`${first.name} is deleted.\n`);
      await ready(1);
      const { members: left } = await ask('pool', 'show', 'warm/small');
      expect(left).not.toContainEqual(expect.objectContaining({ name: first.name }));
    }
    const shown = await tell('pool', 'show', 'warm/small');
    expect(shown).toContain('by_hand');
  });

  it('keeps a workspace on the newest version, by its next start', async () => {
    const folder = path.join(scratch, 'followed');
    await mkdir(folder);
    const manifest = 'name: followed\ndriver: "null"\n';
    await writeFile(path.join(folder, 'standby.yaml'), manifest);
    await ask('template', 'push', folder);
    await tell('create', 'mine', '--template', 'followed', '--automatic-updates', 'always');
    expect(await tell('workspace', 'set', 'mine', '--ttl', '8h')).toMatch(/updates +at each start/);
    await writeFile(path.join(folder, 'standby.yaml'), `${manifest}description: newer\n`);
    await ask('template', 'push', folder);
    const versionOf = async (): Promise<unknown> =>
      ((await ask('workspace', 'show', 'mine'))['latest_build'] as { version: string }).version;
    expect(await versionOf()).toBe('v1');
    await tell('workspace', 'restart', 'mine');
    expect(await versionOf()).toBe('v2');
    const kept = await tell('workspace', 'set', 'mine', '--automatic-updates', 'never');
    expect(kept).not.toContain('updates');
    await tell('workspace', 'delete', 'mine');
    await tell('template', 'delete', 'followed');
  });

  it('has the failures forgotten that limit a pool', async () => {
    const folder = path.join(scratch, 'doomed');
    await mkdir(folder);
    await writeFile(
      path.join(folder, 'standby.yaml'),
      'name: doomed\ndriver: "null"\nnull: {start_error: no luck}\n' +
        'presets: [{name: small, prebuilds: {instances: 3}}]\n',
    );
    await ask('template', 'push', folder);
    const reached = (times: number) =>
      expect
        .poll(async () => (await tell('pool', 'show', 'doomed/small')).split('hard_limit_reached'))
        .toHaveLength(times + 1);
    await reached(1);
    expect(await tell('pool', 'list')).toMatch(/doomed\/small .* limited since /);
    expect(await tell('pool', 'reset', 'doomed/small', '--dry-run')).toBe(
      'Pool default/doomed/small would be reset.\nIts next turn: create 3\n',
    );
    expect(await tell('pool', 'reset', 'doomed/small')).toBe(
      'Pool default/doomed/small is reset.\nIts next turn: create 3\n',
    );
    // Three more are tried, which fail as the first did.
    await reached(2);
    expect(await tell('pool', 'show', 'doomed/small')).toContain('brakes_reset');
    await tell('template', 'delete', 'doomed');
  });

  it('pauses everything, and sees in the plan what waits', async () => {
    expect(await tell('prebuilds', 'status')).toMatch(/^Pools are kept full/);
    expect(await ask('prebuilds', 'pause')).toEqual({ reconciliation_paused: true });
    expect(await tell('prebuilds', 'status')).toMatch(/^All pools are paused/);
    await tell('pool', 'set', 'warm/small', '--instances', '2');
    expect(await tell('plan')).toMatch(
      /default\/warm\/small +v1 +nothing +1 creation and 0 deletions withheld: paused/,
    );
    expect(await ask('prebuilds', 'resume')).toEqual({ reconciliation_paused: false });
    await ready(2);
    expect(await tell('plan', '--pool', 'warm/small')).toMatch(/v1 +nothing +- +-\n$/);
  });

  it('deprecates, invalidates and deletes a template', async () => {
    const outcome = await tell('template', 'deprecate', 'warm', 'use another', '--dry-run');
    expect(outcome).toMatch(/^Template warm would be deprecated: use another\n/);
    expect(outcome).toMatch(/default\/warm\/small +v1 +delete 2 \(inactive\)/);
    await tell('template', 'deprecate', 'warm', 'use another');
    expect(await run('create', 'mine', '--template', 'warm')).toMatchObject({
      status: expect.any(Number),
      err: expect.stringContaining('use another'),
    });
    await tell('template', 'deprecate', 'warm', '--undo');
    await ready(2);
    expect(await tell('template', 'invalidate', 'warm')).toMatch(/delete 2 \(expired\)/);
    await tell('create', 'mine', '--template', 'warm');
    expect(await tell('workspace', 'update', 'mine')).toMatch(/^mine runs version v1 /);
    await ready(2);
    expect(await tell('template', 'delete', 'warm')).toContain(
      'Workspaces of people that stay: 1\n',
    );
    expect(await tell('workspace', 'rename', 'mine', 'kept')).toBe('mine is called kept now.\n');
    await tell('workspace', 'delete', 'kept');
    expect(await ask('template', 'list')).toEqual([]);
  });

  it.each([
    [['pool', 'set', 'warm/small'], 'no size is given'],
    [
      ['pool', 'set', 'warm/small', '--instances', '1', '--from-template'],
      '--from-template stands alone: the template has the size and the schedules',
    ],
    [['pool', 'pause', 'warm'], '"warm" is not the name of a pool'],
    [['pool', 'pause', 'a/b/c/d'], '"a/b/c/d" is not the name of a pool'],
    [['pool', 'pause', 'a/b/c', '--org', 'd'], '"a/b/c" names organization a, and --org names "d"'],
    [['template', 'deprecate', 'warm'], 'the message is missing'],
    [
      ['plan', '--snapshot', '-', '--pool', 'a/b'],
      '--snapshot asks no server: it goes with neither --pool nor --org',
    ],
  ])('is told what is wrong with %j', async (argv, message) => {
    const { status, err } = await run(...argv, '--json');
    expect({ status, ...(JSON.parse(err) as object) }).toMatchObject({
      status: 64,
      code: 'USAGE',
      message,
    });
  });
});
