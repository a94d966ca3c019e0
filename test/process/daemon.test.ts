// The daemon against a control plane in memory: what it does when that is away, forgets, cancels,
// takes work back; and what a second daemon finds.
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packFolder } from '../../src/archive/pack-folder.ts';
import { whenAborted } from '../../src/base/abort.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import type { MissingDriver } from '../../src/provisioner/await-drivers.ts';
import { createDaemon, type Daemon } from '../../src/provisioner/daemon.ts';
import { createNullDriver } from '../../src/provisioner/drivers/null/driver.ts';
import { sampleJob, sampleWorkspace } from '../support/acquired-job.ts';
import { createFakeControlPlane, type FakeControlPlane } from '../support/fake-control-plane.ts';
import { sampleManifest } from '../support/manifest.ts';
import { createScriptedDriver, type ScriptedDriver } from '../support/scripted-driver.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const kit = createKit(silentLog);
/** What is looked for now and then is looked for at once. */
const clock: typeof kit.clock = {
  ...kit.clock,
  sleep: (ms, signal) => kit.clock.sleep(ms === 15_000 ? 1 : ms, signal),
};
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
  for (const daemon of started)
    expect(await daemon.stop('the test is over', 5_000)).toBe('stopped');
  await scratch[Symbol.asyncDispose]();
});

const folderOf = (name: string): string => path.join(scratch.path, name);

function makeDaemon(
  driver: ScriptedDriver,
  options: {
    readonly folder?: string;
    readonly drainMs?: number;
    readonly slots?: number;
    readonly log?: Log;
    readonly missing?: readonly MissingDriver[];
  } = {},
): Daemon {
  const daemon = createDaemon(
    { ...kit, clock, log: options.log ?? kit.log },
    {
      folder: folderOf(options.folder ?? 'daemon'),
      name: 'd',
      version: '1',
      tags: {},
      concurrency: options.slots ?? 2,
      controlPlane: plane,
      drivers: [driver, createNullDriver(kit)],
      missing: options.missing ?? [],
      drainMs: options.drainMs ?? 50,
    },
  );
  started.push(daemon);
  return daemon;
}

const working = (driver: ScriptedDriver): Promise<ScriptedDriver['working'][number]> =>
  until(() => {
    const [first] = driver.working;
    if (first === undefined) throw new Error('nothing is being built');
    return first;
  });

describe('a daemon', () => {
  it('announces what it offers, with the tools that its drivers work with', async () => {
    await makeDaemon({ ...createScriptedDriver(), tool: 'Script 1.2' }, { slots: 3 }).start();
    await until(() =>
      expect(plane.announced).toMatchObject({
        drivers: ['scripted', 'null'],
        tools: { scripted: 'Script 1.2' },
        slots: 3,
      }),
    );
  });

  it('offers a driver that comes later, without a break in what it works on', async () => {
    const driver = createScriptedDriver({ waits: true });
    const late = { ...createScriptedDriver(), name: 'late' };
    let looks = 0;
    let comes = false;
    const find = async (): Promise<ScriptedDriver | undefined> => {
      looks += 1;
      if (looks === 1) throw new Error('somebody is changing its settings');
      return comes ? late : undefined;
    };
    await makeDaemon(driver, { missing: [{ name: 'late', because: 'away', find }] }).start();
    const first = plane.offer(sampleJob());
    const build = await working(driver);
    await until(() => expect(looks).toBeGreaterThan(2));
    expect(plane.announced?.drivers).toEqual(['scripted', 'null']);
    comes = true;
    await until(() => expect(plane.announced?.drivers).toEqual(['scripted', 'null', 'late']));
    const second = plane.offer({ ...sampleJob(), driver: 'late' });
    await until(() => expect(second.result).toMatchObject({ outcome: 'succeeded' }));
    const { id } = second.job.workspace ?? {};
    await until(() => expect(plane.reported?.map((one) => one.id)).toContain(id));
    build.resolve(undefined);
    await until(() => expect(first.result).toMatchObject({ outcome: 'succeeded' }));
    expect([first.resultAttempt, driver.undone]).toEqual([1, []]);
  });

  it('does what is offered and reports it with every log line once', async () => {
    const driver = createScriptedDriver();
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    const id = offered.job.workspace?.id ?? '';
    await until(() => expect(offered.status).toBe('ended'));
    expect(offered.result).toEqual({
      outcome: 'succeeded',
      outputs: { url: `http://${id}/` },
      secret_outputs: {},
      resources: [],
    });
    expect([...offered.lines.values()]).toEqual([`building ${id}`, 'built']);
    expect([...driver.world.keys()]).toEqual([id]);
  });

  it('works on as many jobs at once as it has slots', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver, { slots: 2 }).start();
    const offered = Array.from({ length: 5 }, () => plane.offer(sampleJob()));
    for (let built = 0; built < 5; built += 1) {
      const building = await working(driver);
      building.resolve(undefined);
      await until(() => expect(driver.working).not.toContain(building));
    }
    await until(() => expect(offered.every(({ status }) => status === 'ended')).toBe(true));
    expect(driver.most).toBe(2);
  });

  it('tells why a job failed, in words and as a code', async () => {
    await makeDaemon(createScriptedDriver()).start();
    const broken = sampleManifest({ null: { start_seconds: 0, start_error: 'no luck' } });
    const { template } = sampleJob();
    const failing = plane.offer(
      sampleJob({ driver: 'null', template: { ...template, manifest: broken } }),
    );
    const unknown = plane.offer(sampleJob({ driver: 'docker' }));
    const rehearsal = plane.offer(sampleJob({ type: 'rehearsal' }));
    await until(() => expect(rehearsal.status).toBe('ended'));
    expect(failing.result).toEqual({
      outcome: 'failed',
      error: 'no luck',
      error_code: 'build_failed',
    });
    expect(unknown.result).toMatchObject({ error: 'this daemon has no driver "docker"' });
    expect(rehearsal.result).toMatchObject({ outcome: 'failed', error_code: 'build_failed' });
  });

  it('tells nobody what a sensitive parameter was given', async () => {
    const driver = createScriptedDriver({ waits: true });
    const told: string[] = [];
    const tell = (...said: readonly unknown[]): void => void told.push(inspect(said, { depth: 9 }));
    const log: Log = { ...silentLog, info: tell, warn: tell, error: tell, child: () => log };
    await makeDaemon(driver, { log }).start();
    const { template } = sampleJob();
    const token = { name: 'token', type: 'string', description: '', default: null } as const;
    const parameters = [{ ...token, options: [], mutable: false, sensitive: true }];
    const offered = plane.offer(
      sampleJob({
        template: { ...template, manifest: sampleManifest({ parameters }) },
        workspace: sampleWorkspace({ parameters: { token: 'canary-9a7e' } }),
      }),
    );
    const building = await working(driver);
    building.context.log('info', 'the token is canary-9a7e');
    // The end of the secret lies where the error is cut.
    building.reject(new Error(`canary-9a7e does not do: ${'x'.repeat(9_968)} canary-9a7e`));
    await until(() => expect(offered.status).toBe('ended'));
    expect(offered.result).toMatchObject({
      error: expect.stringMatching(/^\(secret\) does not do/),
    });
    expect([...offered.lines.values()]).toContain('the token is (secret)');
    expect(told.join('\n')).toContain('(secret) does not do');
    expect(JSON.stringify([offered.result, [...offered.lines], told])).not.toContain('canary');
  });

  it('shows signs of life while a job runs', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    await until(() => expect(offered.beats).toBeGreaterThan(3));
    (await working(driver)).resolve(undefined);
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
  });
});

describe('a daemon whose control plane is away', () => {
  it('registers as soon as that is there', async () => {
    plane.away = true;
    await makeDaemon(createScriptedDriver()).start();
    const offered = plane.offer(sampleJob());
    await until(() => expect(plane.missedCalls).toBeGreaterThan(1));
    plane.away = false;
    await until(() => expect(offered.status).toBe('ended'));
    expect(plane.registrations).toBe(1);
  });

  it('goes on with its work and delivers lines and result afterwards', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    const building = await working(driver);
    plane.away = true;
    building.context.log('info', 'said while it was away');
    building.resolve(undefined);
    await until(() => expect(driver.world.size).toBe(1));
    await until(() => expect(plane.missedCalls).toBeGreaterThan(1));
    plane.away = false;
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    expect([...offered.lines.values()]).toContain('said while it was away');
    expect(offered.attempt).toBe(1);
    expect(driver.undone).toEqual([]);
    expect(plane.registrations).toBe(1);
  });

  it('reports a result again whose receipt was lost, and does not do the work again', async () => {
    const driver = createScriptedDriver();
    plane.loseAnswers = 1;
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    await until(() => expect(plane.loseAnswers).toBe(0));
    const next = plane.offer(sampleJob());
    await until(() => expect(next.status).toBe('ended'));
    expect(offered.result?.outcome).toBe('succeeded');
    expect(driver.world.size).toBe(2);
    expect(driver.undone).toEqual([]);
  });

  it('gets a job that was lost on its way, and works on it once', async () => {
    const driver = createScriptedDriver();
    plane.loseJobs = 2;
    await makeDaemon(driver, { slots: 1 }).start();
    const offered = plane.offer(sampleJob());
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    expect(plane.loseJobs).toBe(0);
    expect(offered.resultAttempt).toBe(1);
    expect(driver.world.size).toBe(1);
  });

  it('gets a job that was lost, however many of its calls fail until it is heard again', async () => {
    const driver = createScriptedDriver();
    const slots = 20;
    await makeDaemon(driver, { slots }).start();
    await until(() => expect(plane.waiting).toBe(slots));
    plane.loseJobs = 1;
    const offered = plane.offer(sampleJob());
    await until(() => expect(plane.loseJobs).toBe(0));
    plane.away = true;
    plane.offer(sampleJob()); // wakes those that wait
    await until(() => expect(plane.missedCalls).toBeGreaterThan(slots));
    plane.away = false;
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    expect(offered.resultAttempt).toBe(1);
  });

  it('says nothing of a leak, however many slots wait for its end', async () => {
    const warned: string[] = [];
    const note = ({ name }: Error): void => void warned.push(name);
    process.on('warning', note);
    const building = createScriptedDriver({ waits: true });
    const daemon = makeDaemon(building, { slots: 20, drainMs: 0 });
    await daemon.start();
    for (let n = 0; n < 12; n++) plane.offer(sampleJob());
    await until(() => expect(building.working).toHaveLength(12));
    plane.away = true;
    plane.offer(sampleJob()); // wakes those that wait
    await until(() => expect(plane.missedCalls).toBeGreaterThan(8));
    for (const each of [...building.working]) each.resolve(undefined);
    await until(() => expect(plane.missedCalls).toBeGreaterThan(20));
    process.off('warning', note);
    expect(warned).toEqual([]);
  });

  it('registers again when it was forgotten, but not when only a job was', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    await until(() => expect(plane.registrations).toBe(1));
    const offered = plane.offer(sampleJob());
    const building = await working(driver);
    (plane.jobs as unknown[]).splice(0);
    building.resolve(undefined);
    await until(() => expect(driver.undone).toEqual([`${offered.job.id}/1`]));
    expect(driver.world.size).toBe(0);
    expect(plane.registrations).toBe(1);
    plane.forget();
    await until(() => expect(plane.registrations).toBe(2));
    plane.offer(sampleJob());
    await working(driver);
  });
});

describe('an attempt', () => {
  it('that is canceled ends its work and is reported as canceled', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    await working(driver);
    offered.cancel = true;
    await until(() => expect(offered.result).toEqual({ outcome: 'canceled' }));
    expect(driver.world.size).toBe(0);
  });

  it('hears of its cancel without waiting for a heartbeat', async () => {
    plane = createFakeControlPlane({ heartbeatIntervalMs: 60_000 });
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    const other = plane.offer(sampleJob());
    await until(() => expect(driver.working).toHaveLength(2));
    plane.cancel(offered);
    await until(() => expect(offered.result).toEqual({ outcome: 'canceled' }));
    expect(other.status).toBe('running');
    plane.cancel(other);
    await until(() => expect(other.result).toEqual({ outcome: 'canceled' }));
  });

  it('that succeeds although it was canceled has succeeded', async () => {
    const driver = createScriptedDriver();
    let isStarted = false;
    const start: ScriptedDriver['start'] = async (build, context) => {
      isStarted = true;
      await whenAborted(context.signal);
      return driver.start(build, context);
    };
    await makeDaemon({ ...driver, start }).start();
    const offered = plane.offer(sampleJob());
    // Canceled any earlier, it is not begun at all.
    await until(() => expect(isStarted).toBe(true));
    offered.cancel = true;
    await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    expect(driver.world.size).toBe(1);
  });

  it('that was overtaken while it worked is given up, undone and not reported', async () => {
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    await working(driver);
    plane.overtake(offered);
    await until(() => expect(driver.undone).toEqual([`${offered.job.id}/1`]));
    expect(offered.result).toBeUndefined();
  });

  it('whose result comes too late is undone', async () => {
    const slow = createFakeControlPlane({ heartbeatIntervalMs: 60_000 });
    plane = slow;
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    const building = await working(driver);
    plane.overtake(offered); // no heartbeat tells of it
    building.resolve(undefined);
    await until(() => expect(driver.undone).toEqual([`${offered.job.id}/1`]));
    expect(driver.world.size).toBe(0);
    expect(offered.result).toBeUndefined();
  });

  it('of an earlier life that the control plane has ended is undone', async () => {
    const driver = createScriptedDriver();
    const first = makeDaemon(driver, { drainMs: 0 });
    await first.start();
    const offered = plane.offer(sampleJob());
    await until(() => expect(offered.status).toBe('ended'));
    await first.stop('killed', 1_000);
    // As if the process had been killed before the result was reported.
    Object.assign(offered, { status: 'running', result: undefined });
    await makeDaemon(driver).start();
    await until(() => expect(driver.undone).toEqual([`${offered.job.id}/1`]));
    expect(driver.world.size).toBe(0);
    expect(offered.result).toMatchObject({ error_code: 'daemon_lost' });
  });
});

describe('stopping a daemon', () => {
  it('takes no more jobs and lets those that run end', async () => {
    const driver = createScriptedDriver({ waits: true });
    const daemon = makeDaemon(driver, { drainMs: 4_000, slots: 1 });
    await daemon.start();
    const running = plane.offer(sampleJob());
    const waiting = plane.offer(sampleJob());
    const building = await working(driver);
    const stopped = daemon.stop('enough', 5_000);
    building.resolve(undefined);
    expect(await stopped).toBe('stopped');
    expect(running.result?.outcome).toBe('succeeded');
    expect(waiting.status).toBe('pending');
  });

  it('stops those that take too long and reports them as nobody else’s fault', async () => {
    const driver = createScriptedDriver({ waits: true });
    const daemon = makeDaemon(driver, { drainMs: 10 });
    await daemon.start();
    const offered = plane.offer(sampleJob());
    await working(driver);
    expect(await daemon.stop('enough', 5_000)).toBe('stopped');
    expect(offered.result).toMatchObject({ outcome: 'failed', error_code: 'daemon_lost' });
    expect(driver.world.size).toBe(0);
  });

  it('before it could register ends at once', async () => {
    plane.away = true;
    const daemon = makeDaemon(createScriptedDriver());
    await daemon.start();
    expect(await daemon.stop('enough', 1_000)).toBe('stopped');
  });
});

describe('a daemon that was replaced by a newer process', () => {
  it('ends its work, undoes what no longer counts, and says so', async () => {
    const driver = createScriptedDriver({ waits: true });
    const daemon = makeDaemon(driver);
    await daemon.start();
    const offered = plane.offer(sampleJob());
    await working(driver);
    plane.replace();
    await until(() => expect(daemon.replaced.aborted).toBe(true));
    await until(() => expect(driver.undone).toEqual([`${offered.job.id}/1`]));
    const reports = plane.reports;
    driver.ringChanged();
    const next = plane.offer(sampleJob());
    expect(await daemon.stop('it was replaced', 1_000)).toBe('stopped');
    expect(plane.reports).toBe(reports);
    expect(plane.registrations).toBe(1);
    expect(next.status).toBe('pending');
  });
});

describe('the data folder of a daemon', () => {
  it('is used by one process at a time', async () => {
    const driver = createScriptedDriver();
    const first = makeDaemon(driver);
    await first.start();
    const second = makeDaemon(driver);
    await expect(second.start()).rejects.toMatchObject({ code: 'DAEMON_FOLDER_TAKEN' });
    await first.stop('over', 1_000);
    await makeDaemon(driver).start();
  });

  it('gives a daemon the same id in every life, and two daemons two', async () => {
    const ids = async (folder: string): Promise<unknown> => {
      const daemon = makeDaemon(createScriptedDriver(), { folder });
      const before = plane.registrations;
      const register = vi.spyOn(plane, 'register');
      await daemon.start();
      await until(() => expect(plane.registrations).toBe(before + 1));
      await daemon.stop('over', 1_000);
      const { daemon_id, machine_id } = register.mock.lastCall?.[0] ?? {};
      register.mockRestore();
      return { daemon_id, machine_id };
    };
    const one = await ids('one');
    expect(await ids('one')).toEqual(one);
    expect(await ids('two')).not.toEqual(one);
  });

  it('is swept of what killed attempts left', async () => {
    await mkdir(path.join(folderOf('daemon'), 'work', 'left-1', 'template'), { recursive: true });
    await makeDaemon(createScriptedDriver()).start();
    await until(async () =>
      expect(await readdir(path.join(folderOf('daemon'), 'work'))).toEqual([]),
    );
  });
});

describe('the archive of a template', () => {
  const push = async (text: string): Promise<string> => {
    const template = path.join(scratch.path, `template-${text}`);
    await mkdir(template);
    await writeFile(path.join(template, 'standby.yaml'), text);
    const { bytes, sha256 } = await packFolder(template);
    plane.files.set(sha256, bytes);
    return sha256;
  };
  const importOf = (file_hash: string): ReturnType<typeof sampleJob> => {
    const job = sampleJob({ type: 'template_version_import', workspace: null });
    return { ...job, template: { ...job.template, file_hash } };
  };

  it('is fetched once, and again when the copy was damaged', async () => {
    const getFile = vi.spyOn(plane, 'getFile');
    await makeDaemon(createScriptedDriver()).start();
    const hash = await push('one');
    const run = async (): Promise<unknown> => {
      const offered = plane.offer(importOf(hash));
      await until(() => expect(offered.status).toBe('ended'));
      return offered.result?.outcome;
    };
    expect([await run(), await run()]).toEqual(['succeeded', 'succeeded']);
    expect(getFile).toHaveBeenCalledTimes(1);
    await writeFile(path.join(folderOf('daemon'), 'archives', hash), 'torn');
    expect(await run()).toBe('succeeded');
    expect(getFile).toHaveBeenCalledTimes(2);
    await until(async () =>
      expect(await readdir(path.join(folderOf('daemon'), 'work'))).toEqual([]),
    );
  });

  it('that cannot be kept is used all the same', async () => {
    await makeDaemon(createScriptedDriver()).start();
    await writeFile(path.join(folderOf('daemon'), 'archives'), 'in the way of the folder');
    const hash = await push('one');
    for (const offered of [plane.offer(importOf(hash)), plane.offer(importOf(hash))]) {
      await until(() => expect(offered.result?.outcome).toBe('succeeded'));
    }
  });

  it('that is not the one that was asked for fails the job', async () => {
    await makeDaemon(createScriptedDriver()).start();
    const other = createHash('sha256').update('other').digest('hex');
    plane.files.set(other, Buffer.from('something'));
    plane.files.set('f'.repeat(64), plane.files.get(other) ?? Buffer.alloc(0));
    const offered = plane.offer(importOf('f'.repeat(64)));
    await until(() => expect(offered.result).toMatchObject({ outcome: 'failed' }));
  });
});

describe('the report of a daemon', () => {
  it('does what the control plane wants done, one wish not waiting for another', async () => {
    const driver = createScriptedDriver();
    await makeDaemon(driver).start();
    const jobs = ['a', 'b', 'c'].map(() => plane.offer(sampleJob()));
    const [a = '', b = '', c = ''] = jobs.map(({ job }) => job.workspace?.id ?? '');
    await until(() => expect(driver.world.size).toBe(3));
    plane.wants.set(a, 'restart').set(b, 'remove');
    driver.ringChanged();
    await until(() => expect(driver.done).toEqual(expect.arrayContaining([`remove ${b}`])));
    expect(driver.done).toContain(`restart ${a}`);
    expect([...driver.world.keys()].sort()).toEqual([a, c].sort());
    expect(plane.reported?.map(({ id }) => id).sort()).toEqual([a, b, c].sort());
  });

  it('comes when something changed, and else in its interval', async () => {
    plane = createFakeControlPlane({ reportIntervalMs: 60_000 });
    const driver = createScriptedDriver();
    await makeDaemon(driver).start();
    await until(() => expect(plane.reports).toBe(1));
    plane.offer(sampleJob());
    await until(() => expect(driver.world.size).toBe(1));
    driver.ringChanged();
    await until(() => expect(plane.reports).toBe(2));
  });

  it('that there is no workspace comes once', async () => {
    plane = createFakeControlPlane({ reportIntervalMs: 1, heartbeatIntervalMs: 100 });
    const driver = createScriptedDriver({ waits: true });
    await makeDaemon(driver).start();
    const offered = plane.offer(sampleJob());
    // Many intervals go by.
    await until(() => expect(offered.beats).toBeGreaterThan(2));
    expect(plane.reports).toBe(1);
    (await working(driver)).resolve(undefined);
    await until(() => expect(plane.reports).toBeGreaterThan(2));
  });

  it('goes on after the control plane was away', async () => {
    plane = createFakeControlPlane({ reportIntervalMs: 10 });
    const driver = createScriptedDriver();
    await makeDaemon(driver).start();
    plane.offer(sampleJob());
    await until(() => expect(driver.world.size).toBe(1));
    await until(() => expect(plane.reports).toBeGreaterThan(0));
    plane.away = true;
    await until(() => expect(plane.missedCalls).toBeGreaterThan(1));
    plane.away = false;
    const { reports } = plane;
    await until(() => expect(plane.reports).toBeGreaterThan(reports));
  });

  it('names a workspace with its id', async () => {
    const driver = createScriptedDriver();
    await makeDaemon(driver).start();
    const workspace = sampleWorkspace();
    plane.offer(sampleJob({ workspace }));
    await until(() => expect(driver.world.size).toBe(1));
    driver.ringChanged();
    await until(() =>
      expect(plane.reported).toEqual([{ id: workspace.id, state: 'running', ready: null }]),
    );
  });
});
