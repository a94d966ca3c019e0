// What a daemon does with the states that drivers' tools write, through absence and kills.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/app-error.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { createDaemon, type Daemon } from '../../src/provisioner/daemon.ts';
import { ATTEMPT_MARK, type Driver, type DriverContext } from '../../src/provisioner/driver.ts';
import { createNullDriver } from '../../src/provisioner/drivers/null/driver.ts';
import { rescueErroredState } from '../../src/provisioner/drivers/terraform/errored-state.ts';
import { STATE_FILE, writeHeldState, type HeldState } from '../../src/provisioner/held-state.ts';
import { sampleJob } from '../support/acquired-job.ts';
import { createDeferred } from '../support/deferred.ts';
import {
  createFakeControlPlane,
  type FakeControlPlane,
  type FakeJob,
} from '../support/fake-control-plane.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const kit = createKit(silentLog);
let scratch: TemporaryFolder;
let plane: FakeControlPlane;
let started: Daemon[];

beforeEach(async () => {
  scratch = await makeTemporaryFolder();
  plane = createFakeControlPlane();
  started = [];
});

afterEach(async () => {
  plane.away = false;
  for (const daemon of started) await daemon.stop('the test is over', 5_000);
  await scratch[Symbol.asyncDispose]();
});

const work = (): string => path.join(scratch.path, 'work');
const unplaced = (): string => path.join(scratch.path, 'unplaced-states');

/** A driver that keeps a state, and whose start is the test's. */
const stateful = (start: (context: DriverContext) => Promise<void>): Driver => ({
  ...createNullDriver(kit),
  name: 'scripted',
  start: async (_build, context) => {
    await start(context);
    return { outputs: {} };
  },
});

async function startDaemon(driver: Driver): Promise<Daemon> {
  const daemon = createDaemon(kit, {
    folder: scratch.path,
    name: 'd',
    version: '1',
    tags: {},
    concurrency: 1,
    controlPlane: plane,
    drivers: [driver],
    drainMs: 20,
  });
  started.push(daemon);
  await daemon.start();
  return daemon;
}

/** As Terraform does where it cannot save. */
async function errored(folder: string, state: string): Promise<void> {
  await mkdir(path.join(folder, 'module'), { recursive: true });
  await writeFile(path.join(folder, 'module', 'errored.tfstate'), state);
}

const statesOf = ({ job }: FakeJob): readonly string[] =>
  plane.states.get(job.workspace?.id ?? '') ?? [];
const straysOf = ({ job }: FakeJob): readonly string[] =>
  plane.strays.get(job.workspace?.id ?? '') ?? [];

describe('the state of an attempt', () => {
  it('is stored at every change, and the attempt ends when the last one is', async () => {
    const goOn = createDeferred<undefined>();
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        const file = await context.stateFile();
        expect(await context.stateFile()).toBe(file);
        await writeFile(file, '{"serial":1}');
        await goOn.promise;
        await writeFile(file, '{"serial":2}');
      }),
    );
    await until(() => expect(statesOf(offered)).toEqual(['{"serial":1}']));
    goOn.resolve(undefined);
    await until(() => expect(offered.status).toBe('ended'));
    expect(statesOf(offered)).toEqual(['{"serial":1}', '{"serial":2}']);
    expect(await readdir(work())).toEqual([]);
  });

  it('begins where the last one ended, and a half-written one is never stored', async () => {
    const offered = plane.offer(sampleJob());
    plane.states.set(offered.job.workspace?.id ?? '', ['{"serial":7}']);
    const seen: string[] = [];
    await startDaemon(
      stateful(async (context) => {
        const file = await context.stateFile();
        seen.push(await readFile(file, 'utf8'));
        await writeFile(file, '{"serial":8,"resour');
      }),
    );
    await until(() => expect(offered.status).toBe('ended'));
    expect(seen).toEqual(['{"serial":7}']);
    expect(statesOf(offered)).toEqual(['{"serial":7}']);
    expect(offered.result).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('only half written'),
    });
    expect(await readdir(unplaced())).toHaveLength(1);
  });

  it('is the one that the tool wrote elsewhere when it could not write in its place', async () => {
    const offered = plane.offer(sampleJob());
    const driver = stateful(async (context) => {
      const file = await context.stateFile();
      await writeFile(file, '{"lineage":"l","serial":1}');
      await until(() => expect(statesOf(offered)).toHaveLength(1));
      await writeFile(file, '{"lineage":"l","ser');
      await errored(context.folder, '{"lineage":"l","serial":2}');
      throw new Error('Failed to persist state to backend');
    });
    await startDaemon({ ...driver, rescueState: rescueErroredState });
    await until(() => expect(offered.result).toMatchObject({ outcome: 'failed' }));
    expect(statesOf(offered)).toEqual(['{"lineage":"l","serial":1}', '{"lineage":"l","serial":2}']);
    expect(await readdir(work())).toEqual([]);
  });

  it('is stored before the result is told, also when the control plane was away', async () => {
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        const file = await context.stateFile();
        plane.away = true;
        await writeFile(file, '{"serial":1}');
      }),
    );
    await until(() => expect(plane.missedCalls).toBeGreaterThan(2));
    expect(offered.status).toBe('running');
    plane.away = false;
    await until(() => expect(offered.status).toBe('ended'));
    expect(statesOf(offered)).toEqual(['{"serial":1}']);
  });

  it('is asked for until there is an answer, and stored although a proxy answers in between', async () => {
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        plane.away = true;
        const opening = context.stateFile();
        await until(() => expect(plane.missedCalls).toBeGreaterThan(1));
        plane.away = false;
        plane.refusals.push(
          new AppError('ANSWER_UNEXPECTED', 'bad gateway'),
          new AppError('UNAUTHENTICATED', 'the key is being changed'),
        );
        await writeFile(await opening, '{"serial":1}');
      }),
    );
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    expect(statesOf(offered)).toEqual(['{"serial":1}']);
  });

  it('is stored although nothing more can be written beside it', async () => {
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        const file = await context.stateFile();
        const note = path.join(context.folder, 'held-state.json');
        await rm(note);
        await mkdir(path.join(note, 'in the way'), { recursive: true });
        await writeFile(file, '{"serial":1}');
        await until(() => expect(statesOf(offered)).toEqual(['{"serial":1}']));
      }),
    );
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
  });

  it('that cannot be read at the end fails the attempt, and its folder is kept', async () => {
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        await mkdir(await context.stateFile());
      }),
    );
    await until(() => expect(offered.result).toMatchObject({ outcome: 'failed' }));
    expect(await readdir(unplaced())).toHaveLength(1);
  });

  it('is waited for while a clean-up of the workspace runs, and the log says so once', async () => {
    plane.isStateInUse = true;
    const offered = plane.offer(sampleJob());
    await startDaemon(
      stateful(async (context) => {
        await writeFile(await context.stateFile(), '{"serial":1}');
      }),
    );
    await until(() => expect(plane.refusedTakes).toBeGreaterThan(1));
    plane.isStateInUse = false;
    await until(() => expect(offered.status).toBe('ended'));
    expect([...offered.lines.values()]).toEqual(['waiting: a clean-up runs']);
    expect(statesOf(offered)).toEqual(['{"serial":1}']);
  });

  it('that a build needs is not waited for by a clean-up', async () => {
    plane.isStateInUse = true;
    const offered = plane.offer(sampleJob({ type: 'stray_cleanup' }));
    await startDaemon({ ...stateful(async () => undefined), destroyStray: async () => undefined });
    await until(() => expect(offered.result).toMatchObject({ error_code: 'build_in_progress' }));
  });

  it('that could not be stored before the daemon ended is stored by its next life', async () => {
    const offered = plane.offer(sampleJob());
    const first = await startDaemon(
      stateful(async (context) => {
        const { signal } = context;
        const file = await context.stateFile();
        plane.away = true;
        await writeFile(file, '{"serial":1}');
        await until(() => expect(signal.aborted).toBe(true));
        throw signal.reason;
      }),
    );
    await until(() => expect(plane.missedCalls).toBeGreaterThan(0));
    expect(await first.stop('its machine is restarted', 10_000)).toBe('stopped');
    expect(offered.status).toBe('running');
    expect(await readdir(work())).toHaveLength(1);
    plane.away = false;
    await startDaemon(stateful(async () => undefined));
    await until(() => expect(statesOf(offered)).toEqual(['{"serial":1}']));
    await until(async () => expect(await readdir(work())).toEqual([]));
  });

  it('that another attempt has overtaken ends the work, and what it still says is kept as stray', async () => {
    const offered = plane.offer(sampleJob());
    const ended = createDeferred<unknown>();
    await startDaemon(
      stateful(async (context) => {
        const { signal } = context;
        const file = await context.stateFile();
        await writeFile(file, '{"serial":1}');
        await until(() => expect(statesOf(offered)).toHaveLength(1));
        plane.stateLocks.get(offered.job.workspace?.id ?? '')?.push('somebody else');
        await writeFile(file, '{"serial":2}');
        await until(() => expect(signal.aborted).toBe(true));
        await writeFile(file, '{"serial":3}');
        ended.resolve(signal.reason);
        throw signal.reason;
      }),
    );
    expect(await ended.promise).toMatchObject({ kind: 'stale' });
    await until(() => expect(straysOf(offered)).toEqual(['{"serial":2}', '{"serial":3}']));
    expect(statesOf(offered)).toEqual(['{"serial":1}']);
    expect(offered.status).toBe('running'); // nothing was reported
  });
});

describe('what a killed daemon left', () => {
  /** An attempt that the control plane remembers as the holder of its workspace's lock. */
  function lost(): { readonly job: string; readonly workspaceId: string } {
    const { id: job, workspace } = sampleJob();
    const workspaceId = workspace?.id ?? '';
    plane.stateLocks.set(workspaceId, [`${job}/1`]);
    return { job, workspaceId };
  }

  async function leave(
    name: string,
    left: Pick<HeldState, 'lock'> & { job: string; state: string; begun?: boolean | undefined },
  ): Promise<string> {
    const folder = path.join(work(), name);
    await mkdir(folder, { recursive: true });
    const { lock, begun = true } = left;
    await writeHeldState(folder, { job_id: left.job, attempt: 1, lock, begun });
    await writeFile(path.join(folder, STATE_FILE), left.state);
    return folder;
  }

  it('is stored before any new work begins, and swept', async () => {
    const offered = plane.offer(sampleJob());
    const { id: job, workspace } = offered.job;
    plane.stateLocks.set(workspace?.id ?? '', [`${job}/1`]);
    await leave(`${job}-1`, { job, lock: 1, state: '{"left":true}' });
    await mkdir(path.join(work(), 'without-a-state'));
    let begun: string | undefined;
    await startDaemon(
      stateful(async () => {
        begun = statesOf(offered).at(-1);
      }),
    );
    await until(() => expect(offered.status).toBe('ended'));
    expect(begun).toBe('{"left":true}');
    expect(await readdir(work())).toEqual([]);
  });

  it('is put aside and never lost when the control plane does not know it', async () => {
    await leave('strange-1', { job: 'strange', lock: 9, state: '{"only":"here"}' });
    const offered = plane.offer(sampleJob());
    await startDaemon(stateful(async () => undefined));
    await until(() => expect(offered.status).toBe('ended'));
    expect(await readdir(work())).toEqual([]);
    const [aside = ''] = await readdir(unplaced());
    expect(aside).toMatch(/^strange-1-/);
    expect(await readdir(path.join(unplaced(), aside))).toContain(STATE_FILE);
  });

  it('stays where it cannot be read, is stored once it can, and holds up nobody', async () => {
    const { job, workspaceId } = lost();
    const folder = await leave(`${job}-1`, { job, lock: 1, state: '' });
    await rm(path.join(folder, STATE_FILE));
    await mkdir(path.join(folder, STATE_FILE)); // no rights and no disk error fail for root
    const offered = plane.offer(sampleJob());
    const first = await startDaemon(stateful(async () => undefined));
    await until(() => expect(offered.status).toBe('ended'));
    expect(await readdir(work())).toEqual([`${job}-1`]);
    await first.stop('it is mended', 5_000);

    await rm(path.join(folder, STATE_FILE), { recursive: true });
    await writeFile(path.join(folder, STATE_FILE), '{"left":true}');
    await startDaemon(stateful(async () => undefined));
    await until(async () => expect(await readdir(work())).toEqual([]));
    expect(plane.states.get(workspaceId)).toEqual(['{"left":true}']);
  });

  it('is not removed for an attempt of the same name', async () => {
    const { job, workspaceId } = lost();
    const folder = await leave(`${job}-1`, { job, lock: 1, state: '{"left":true}' });
    await rm(path.join(folder, STATE_FILE));
    await mkdir(path.join(folder, STATE_FILE));
    const offered = plane.offer({ ...sampleJob(), id: job });
    await startDaemon(stateful(async () => undefined));
    await until(() => expect(offered.status).toBe('ended'));
    expect(await readdir(unplaced())).toHaveLength(1);
    expect(plane.states.get(workspaceId)).toBeUndefined();
  });

  it.each([
    { file: '{"half', aside: 1 },
    { file: '', aside: 1 },
    { file: '', begun: false, aside: 0 },
    { file: '{"half', errored: '{"lineage":"l","serial":2}', stored: '"serial":2', aside: 0 },
    { file: '{"half', errored: '{"also', aside: 1 },
    {
      file: '{"lineage":"l","serial":2}',
      errored: '{"lineage":"l","serial":1}',
      stored: '"serial":2',
      aside: 0,
    },
    {
      file: '{"lineage":"l","serial":1}',
      errored: '{"lineage":"m","serial":2}',
      stored: '"serial":1',
      aside: 1,
    },
  ])('is put aside where there may be more than can be stored: %j', async (left) => {
    const { job, workspaceId } = lost();
    const folder = await leave(`${job}-1`, { job, lock: 1, state: left.file, begun: left.begun });
    if (left.errored !== undefined) await errored(folder, left.errored);
    await startDaemon({
      ...stateful(async () => undefined),
      rescueState: rescueErroredState,
    });
    await until(async () => expect(await readdir(work())).toEqual([]));
    expect(await readdir(unplaced()).catch(() => [])).toHaveLength(left.aside);
    const stored = plane.states.get(workspaceId);
    if (left.stored === undefined) expect(stored).toBeUndefined();
    else expect(stored).toEqual([expect.stringContaining(left.stored)]);
  });

  it('is no state that the template brought along', async () => {
    const { job, workspaceId } = lost();
    const folder = await leave(`${job}-1`, { job, lock: 1, state: '', begun: false });
    await mkdir(path.join(folder, 'template'));
    const foreign = '{"lineage":"foreign","serial":2}';
    await writeFile(path.join(folder, 'template', 'errored.tfstate'), foreign);
    await startDaemon({ ...stateful(async () => undefined), rescueState: rescueErroredState });
    await until(async () => expect(await readdir(work())).toEqual([]));
    expect(plane.states.get(workspaceId)).toBeUndefined();
  });

  it('is interrupted where it still runs, and what it writes at its end is stored', async () => {
    const offered = plane.offer(sampleJob());
    const { id: job, workspace } = offered.job;
    plane.stateLocks.set(workspace?.id ?? '', [`${job}/1`]);
    const folder = await leave(`${job}-1`, { job, lock: 1, state: '{"made":1}' });
    // A tool that writes down what it has made when it is interrupted.
    const tool = spawn(
      'sh',
      [
        '-c',
        `trap 'echo "{\\"made\\":2}" > ${STATE_FILE}; exit' INT; echo up; while :; do sleep 0.05; done`,
      ],
      {
        cwd: folder,
        env: { PATH: process.env['PATH'], [ATTEMPT_MARK]: folder },
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      },
    );
    const ended = once(tool, 'exit');
    await once(tool.stdout, 'data');
    await startDaemon(stateful(async () => undefined));
    await ended;
    await until(() => expect(statesOf(offered)[0]).toBe('{"made":2}\n'));
  });
});
