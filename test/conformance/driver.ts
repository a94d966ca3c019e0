// What every driver has to hold to (src/provisioner/driver.ts), as one suite. A driver joins with a
// subject: what its templates do, where it can be cut short, and a home of its own for each test.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/app-error.ts';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { installFailpoints, type Failpoint } from '../../src/base/failpoint.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace } from '../../src/contract/provisioner/protocol.ts';
import type {
  Build,
  Driver,
  DriverContext,
  Machine,
  Outputs,
} from '../../src/provisioner/driver.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleOwner, sampleWorkspace } from '../support/acquired-job.ts';
import { until } from '../support/until.ts';

export interface DriverSubject {
  readonly name: string;
  /** What a template is, by what a start of it does. */
  readonly manifests: {
    readonly good: Manifest;
    /** Its start fails; undefined where none can be made to. */
    readonly failing: Manifest | undefined;
    /** Its start takes for ever; undefined where starts only ever end. */
    readonly endless: Manifest | undefined;
    /** Its check fails; undefined where the driver has nothing to check. */
    readonly refused: Manifest | undefined;
  };
  /** The points (see failpoint) at which a start and a delete may be cut short. */
  readonly points: { readonly start: readonly Failpoint[]; readonly delete: readonly Failpoint[] };
  /** Calls to its infrastructure whose answers may be lost: what they ask is done, and nobody hears. */
  readonly calls: { readonly start: readonly string[]; readonly delete: readonly string[] };
  /** Whether its workspaces live on the daemon's machine. */
  readonly hasMachine: boolean;
  /** Whether nothing is to be found of a workspace that runs. */
  readonly makesNothing: boolean;
  /** Whether it keeps a state: what is left of a start that failed is in that, for the delete. */
  readonly keepsState: boolean;
  createHome(): Promise<DriverHome>;
}

/** Where a driver lives: its infrastructure and its daemon's folder. */
export interface DriverHome {
  /** The driver as the daemon's next life makes it; the answer to its first such call gets lost. */
  open(lostCall?: string): Driver;
  /** What a daemon gives the driver for an attempt, the state being that of the build's workspace. */
  surroundings(build: Pick<Build, 'template' | 'workspace'>): Surroundings;
  /** Whether the workspace that these are the outputs of can be used; waits until it can. */
  isUsable(outputs: Outputs): Promise<boolean>;
  /** Everything that exists because of the driver, in words. */
  remains(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export type Surroundings = Pick<DriverContext, 'templateFolder' | 'stateFile' | 'folder'>;

/** Of drivers that need no more than the template. */
export function surroundingsWith(templateFolder: Surroundings['templateFolder']): Surroundings {
  const nothing = (what: string): Promise<never> =>
    Promise.reject(new Error(`there is no ${what}`));
  return { templateFolder, stateFile: () => nothing('state'), folder: '/nonexistent' };
}

const kit = createKit(silentLog);

export function describeDriver(subject: DriverSubject): void {
  const { name, manifests, points } = subject;
  let home: DriverHome;
  let driver: Driver;

  beforeEach(async () => {
    home = await subject.createHome();
    driver = home.open();
    await driver.machine?.open();
  });
  afterEach(async () => {
    installFailpoints(undefined);
    await driver.machine?.close();
    await home.remove();
  });

  const context = (of: Build, signal = new AbortController().signal): DriverContext => ({
    redactor: createRedactor(),
    log: () => undefined,
    tellReplaced: () => undefined,
    signal,
    ...home.surroundings(of),
  });
  const build = (
    change: Partial<JobWorkspace> = {},
    manifest: Manifest = manifests.good,
  ): Build => ({
    jobId: createId(kit),
    attempt: 1,
    template: { name: 't', version_id: createId(kit), file_hash: '0'.repeat(64), manifest },
    workspace: sampleWorkspace(change),
  });
  /** Another build of the same workspace. */
  const next = (former: Build, change: Partial<JobWorkspace>): Build =>
    build({ ...former.workspace, build_number: former.workspace.build_number + 1, ...change });
  const start = async (of: Build): Promise<Outputs> =>
    (await driver.start(of, context(of))).outputs;
  const remove = (of: Build): Promise<void> =>
    driver.delete(next(of, { transition: 'delete' }), context(of));
  /** After a start that failed. */
  const expectNothingLeft = async (of: Build): Promise<void> => {
    if (subject.keepsState) await remove(of);
    await expectNothing();
  };
  const expectNothing = async (): Promise<void> => expect(await home.remains()).toEqual([]);
  const expectSomething = async (): Promise<void> => {
    if (!subject.makesNothing) expect(await home.remains()).not.toEqual([]);
  };
  /** What a daemon does that was killed: its next life begins, and undoes what it is told has ended. */
  const nextLife = async (lost?: Build, lostCall?: string): Promise<void> => {
    installFailpoints(undefined);
    await driver.machine?.close();
    driver = home.open(lostCall);
    await driver.machine?.open();
    if (lost !== undefined) await driver.undo(lost);
  };
  /** Begins `work` and resolves when it has come to `point`, where it stays for ever. */
  const cutShort = async (point: Failpoint, work: () => Promise<unknown>): Promise<void> => {
    const reached = new Promise<void>((resolve) => {
      installFailpoints((at) => {
        if (at !== point) return undefined;
        resolve();
        return new Promise(() => undefined);
      });
    });
    work().catch(() => undefined); // it never ends
    await reached;
  };

  describe(`the driver ${name}: a workspace`, () => {
    it('can be used after its start, and leaves nothing after its delete', async () => {
      const made = build();
      const outputs = await start(made);
      expect(await home.isUsable(outputs)).toBe(true);
      await expectSomething();
      await remove(made);
      await expectNothing();
    });

    it('keeps what it is over a stop and a start', async () => {
      const made = build();
      const outputs = await start(made);
      await driver.stop(next(made, { transition: 'stop' }), context(made));
      await expectSomething();
      const again = await start(next(made, {}));
      expect(again).toEqual(outputs);
      expect(await home.isUsable(again)).toBe(true);
      await remove(made);
      await expectNothing();
    });

    it('is the same one for its new owner after a claim', async () => {
      const made = build();
      const outputs = await start(made);
      const owner = sampleOwner({ username: 'ann', display_name: 'Ann' });
      const claimed = next(made, { stage: 'claim', epoch: 1, name: 'demo', owner });
      expect(await start(claimed)).toEqual(outputs);
      expect(await home.isUsable(outputs)).toBe(true);
      await remove(claimed);
      await expectNothing();
    });

    it('takes everything twice, one after the other and at once', async () => {
      const made = build();
      const outputs = await start(made);
      expect(await start(made)).toEqual(outputs);
      expect(await Promise.all([start(made), start(made)])).toEqual([outputs, outputs]);
      const stop = next(made, { transition: 'stop' });
      await driver.stop(stop, context(stop));
      await driver.stop(stop, context(stop));
      await Promise.all([remove(made), remove(made)]);
      await remove(made);
      await expectNothing();
    });

    it('that was never there is stopped, deleted and undone without a word', async () => {
      const never = build();
      await driver.stop(never, context(never));
      await driver.delete(never, context(never));
      await driver.undo(never);
      await expectNothing();
    });

    it('of its own is all that a delete takes', async () => {
      const [one, other] = [build(), build()];
      await start(one);
      const outputs = await start(other);
      await remove(one);
      expect(await home.isUsable(outputs)).toBe(true);
      await remove(other);
      await expectNothing();
    });
  });

  describe(`the driver ${name}: what is not to be`, () => {
    it('is anything left of a check', async () => {
      const checked = build();
      await driver.check(checked.template, context(checked));
      await expectNothing();
    });

    withManifest(manifests.refused, 'is a template that its check refuses', async (manifest) => {
      const pushed = build({}, manifest);
      const checked = driver.check(pushed.template, context(pushed));
      await expect(checked).rejects.toMatchObject({ code: 'TEMPLATE_REFUSED' });
      await expectNothing();
    });

    withManifest(manifests.failing, 'is anything left of a start that fails', async (manifest) => {
      const made = build({}, manifest);
      await expect(start(made)).rejects.toBeInstanceOf(AppError);
      await expectNothingLeft(made);
    });

    it('is anything left of a start that was canceled before it began', async () => {
      const reason = new Error('canceled');
      const made = build();
      const started = driver.start(made, context(made, AbortSignal.abort(reason)));
      await expect(started).rejects.toBe(reason);
      await expectNothing();
    });

    withManifest(
      manifests.endless,
      'is anything left of one canceled while it lasts',
      async (manifest) => {
        const cancel = new AbortController();
        const reason = new Error('canceled');
        const made = build({}, manifest);
        const started = driver.start(made, context(made, cancel.signal));
        cancel.abort(reason);
        await expect(started).rejects.toBe(reason);
        await expectNothingLeft(made);
      },
    );

    it.each(points.start)('is anything left of a start that is canceled at %s', async (point) => {
      const made = build();
      const cancel = new AbortController();
      const reason = new Error('canceled');
      installFailpoints((at) => {
        if (at === point) cancel.abort(reason);
      });
      const ended = await driver.start(made, context(made, cancel.signal)).then(
        () => undefined,
        (error: unknown) => error,
      );
      // Too late to be canceled it is a workspace like any other.
      if (ended === undefined) await remove(made);
      else expect(ended).toBe(reason);
      await expectNothing();
    });
  });

  const { calls } = subject;
  describe.runIf(calls.start.length > 0)(`the driver ${name}: an answer that is lost`, () => {
    it.each(calls.start)('to %s leaves nothing of a start', async (call) => {
      await nextLife(undefined, call);
      const made = build();
      await expect(start(made)).rejects.toBeInstanceOf(AppError);
      await expectNothingLeft(made);
      expect(await home.isUsable(await start(made))).toBe(true);
      await remove(made);
      await expectNothing();
    });

    it.each(calls.delete)('to %s is made up for by the next delete', async (call) => {
      await nextLife(undefined, call);
      const made = build();
      await start(made);
      await expect(remove(made)).rejects.toBeInstanceOf(AppError);
      await remove(made);
      await expectNothing();
    });
  });

  describe(`the driver ${name}: a daemon that was killed`, () => {
    it('leaves workspaces as they were', async () => {
      const made = build();
      const outputs = await start(made);
      await nextLife();
      expect(await home.isUsable(outputs)).toBe(true);
      expect(await start(made)).toEqual(outputs);
      await remove(made);
      await expectNothing();
    });

    it.each(points.start)('in a start at %s leaves nothing that is not undone', async (point) => {
      const made = build();
      await cutShort(point, () => start(made));
      await nextLife(made);
      await expectNothing();
    });

    it.each(points.start.flatMap((at) => points.delete.map((last) => [at, last] as const)))(
      'after a start was canceled at %s, at %s, leaves nothing that is not undone',
      async (at, last) => {
        const made = build();
        const cancel = new AbortController();
        const reached = new Promise<void>((resolve) => {
          installFailpoints((point) => {
            if (point === at) cancel.abort(new Error('canceled'));
            if (point !== last) return undefined;
            resolve();
            return new Promise(() => undefined);
          });
        });
        const ended = driver.start(made, context(made, cancel.signal)).catch(() => undefined);
        // A driver that takes back otherwise than it deletes is through with it by then.
        await Promise.race([reached, ended]);
        await nextLife(made);
        await expectNothing();
      },
    );

    it.each(points.delete)(
      'in a delete at %s leaves nothing once it is repeated',
      async (point) => {
        const made = build();
        await start(made);
        await cutShort(point, () => remove(made));
        await nextLife();
        await remove(made);
        await expectNothing();
      },
    );
  });

  describe(`the driver ${name}: an attempt that no longer counts`, () => {
    it.runIf(subject.keepsState)('is not undone: its state is dealt with', async () => {
      const made = build();
      await start(made);
      await driver.undo(made);
      await expectSomething();
      await expectNothingLeft(made);
    });

    it.runIf(!subject.keepsState)('is undone by its name, and no other one is', async () => {
      const [one, other] = [build(), build()];
      await start(one);
      const outputs = await start(other);
      await driver.undo({ jobId: one.jobId, attempt: 2 });
      await driver.undo(one);
      await driver.undo(one);
      expect(await home.isUsable(outputs)).toBe(true);
      await driver.undo(other);
      await expectNothing();
    });

    it.runIf(!subject.keepsState)('leaves what a later one has started, which is its', async () => {
      const lost = build();
      const later = { ...lost, attempt: 2 };
      await start(lost);
      // The undo finds its workspace before the later attempt is through with it.
      const [outputs] = await Promise.all([start(later), driver.undo(lost)]);
      await driver.undo(lost);
      expect(await home.isUsable(outputs)).toBe(true);
      await driver.undo(later);
      await expectNothing();
    });

    it.runIf(!subject.keepsState)('leaves what another build has started, for good', async () => {
      const lost = build();
      await start(lost);
      const other = next(lost, {});
      const [outputs] = await Promise.all([start(other), driver.undo(lost)]);
      await driver.undo(lost);
      await driver.undo(other);
      expect(await home.isUsable(outputs)).toBe(true);
      await remove(lost);
      await expectNothing();
    });

    it('does not take a workspace with it that was there before', async () => {
      const made = build();
      const outputs = await start(made);
      const later = next(made, {});
      await start(later);
      await driver.undo(later);
      expect(await home.isUsable(outputs)).toBe(true);
      await remove(made);
      await expectNothing();
    });
  });

  if (!subject.hasMachine) return;
  describe(`the driver ${name}: between jobs`, () => {
    it('reports the workspaces of its machine, and removes them when wanted', async () => {
      const machine = machineOf(driver);
      const [one, other] = [build(), build()];
      await start(one);
      await start(other);
      await driver.stop(other, context(other));
      const states = new Map((await machine.inspect()).map(({ id, state }) => [id, state]));
      expect(states).toEqual(
        new Map([
          [one.workspace.id, 'running'],
          [other.workspace.id, 'stopped'],
        ]),
      );
      for (const id of states.keys()) await machine.remove(id);
      expect(await machine.inspect()).toEqual([]);
      await expectNothing();
    });

    it('brings nothing back that should not run, and ends nothing that does', async () => {
      const machine = machineOf(driver);
      const made = build();
      await start(made);
      // What it starts may start more for a while.
      await until(async () => {
        const running = await home.remains();
        await machine.restart(made.workspace.id);
        expect(await home.remains()).toEqual(running);
      });
      await driver.stop(made, context(made));
      await machine.restart(made.workspace.id);
      expect((await machine.inspect()).map(({ state }) => state)).toEqual(['stopped']);
      await remove(made);
      await machine.restart(made.workspace.id);
      await expectNothing();
    });
  });
}

function machineOf({ name, machine }: Driver): Machine {
  if (machine === undefined) throw new Error(`the driver ${name} has no machine`);
  return machine;
}

/** A test of drivers that have such a template. */
function withManifest(
  manifest: Manifest | undefined,
  what: string,
  test: (manifest: Manifest) => Promise<void>,
): void {
  if (manifest !== undefined) it(what, () => test(manifest));
}
