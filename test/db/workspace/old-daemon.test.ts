// Updates to a version that asks for a sandbox or limits, and restarts of one that has it, on a machine whose daemon
// knows of neither.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_LIMITS, type Manifest } from '../../../src/contract/manifest/schema.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { createRebuildGrounds, type RebuildGround } from './rebuild-ground.ts';

const CONFINED: Partial<Manifest> = {
  process: { command: ['serve'], environment: {}, limits: NO_LIMITS, sandbox: 'bubblewrap' },
};

let store: TestStore;
let createGround: ReturnType<typeof createRebuildGrounds>;
let ground: RebuildGround;

beforeAll(async () => {
  store = await openTestStore();
  createGround = createRebuildGrounds(store);
});
afterAll(() => store.close());

beforeEach(async () => {
  ground = await createGround();
  const { id, daemon } = ground;
  await store.sql('update workspaces set machine_id = $2 where id = $1', [
    id,
    daemon.asked.machineId,
  ]);
});

/** The daemon of the workspace's machine, as after an upgrade or before. */
const speak = (protocolVersion: number): Promise<unknown> =>
  ground.queue.restart({
    ...ground.daemon,
    asked: { ...ground.daemon.asked, name: 'old', protocolVersion },
  });

describe('an update to a confined version', () => {
  it('is refused, and its preview tells so, where the daemon of its machine is too old', async () => {
    const { id, daemon, preview, promote, rebuild } = ground;
    await speak(3);
    await promote(CONFINED);
    const detail =
      `workspace ${id} lives on machine "${daemon.asked.machineId}", and no daemon there can keep the sandbox and ` +
      'the limits of a template (protocol version 4), as version v2 asks for; ' +
      'too old: "old" (protocol version 3): upgrade to the release of the control plane';
    const refusal = expect.objectContaining({ code: 'MACHINE_UNFIT', detail }) as unknown;
    expect((await preview({ updates: true })).refusals).toEqual([refusal]);
    await expect(rebuild({ updates: true })).rejects.toEqual(refusal);
    // It may go on with the version that it has, and have the new one from a daemon that is new enough.
    expect((await preview({ parameters: { size: 'big' } })).refusals).toEqual([]);
    await speak(4);
    expect((await preview({ updates: true })).refusals).toEqual([]);
    expect(await rebuild({ updates: true })).toBe('begun');
  });

  it('is refused for its tags where a daemon that is new enough has not all of them', async () => {
    const { organizationId, preview, promote, queue } = ground;
    await promote({ ...CONFINED, tags: { gpu: 'a100' } });
    const refusalsOf = async (): Promise<readonly string[]> =>
      (await preview({ updates: true })).refusals.map(({ detail }) => detail);
    expect(await refusalsOf()).toEqual([
      expect.stringMatching(/has the tags of version v2: gpu=a100$/),
    ]);
    // One with the tags alone, and one that is new enough alone, are not one with both.
    await queue.daemon(
      { name: 'tagged', tags: { gpu: 'a100' }, protocolVersion: 3 },
      { organizationId },
    );
    expect(await refusalsOf()).toEqual([
      expect.stringContaining('; too old: "tagged" (protocol version 3):'),
    ]);
  });

  it('is not refused where a version asks for neither', async () => {
    await speak(3);
    await ground.promote({ process: { ...CONFINED.process!, sandbox: 'none' } });
    expect((await ground.preview({ updates: true })).refusals).toEqual([]);
  });
});

describe('a restart of a confined version', () => {
  const UNFIT = [expect.objectContaining({ code: 'MACHINE_UNFIT' })] as unknown;

  beforeEach(async () => {
    await ground.promote(CONFINED);
    await ground.rebuild({ updates: true });
    await ground.built();
  });

  it('is refused before it stops what a daemon that is too old could not start again', async () => {
    const { change, preview } = ground;
    const [restart, resize] = [{ restarts: true }, { parameters: { size: 'big' } }];
    expect(await preview(restart)).toMatchObject({ action: 'restart', refusals: [] });
    await speak(3);
    expect(await preview(restart)).toMatchObject({ action: 'restart', refusals: UNFIT });
    // So is an update that keeps the version, and one that would do nothing is refused for nothing.
    expect(await preview(resize)).toMatchObject({ action: 'restart', refusals: UNFIT });
    expect(await preview({ updates: true })).toMatchObject({ action: 'none', refusals: [] });
    // A stop that is under way does not make it one that could be started again.
    await change('stop');
    expect(await preview(restart)).toMatchObject({ action: 'start', refusals: UNFIT });
  });

  it('is not refused once it is stopped and only started with other parameters', async () => {
    const { built, change, preview } = ground;
    await change('stop');
    await built();
    await speak(3);
    expect(await preview({ parameters: { size: 'big' } })).toMatchObject({
      action: 'start',
      refusals: [],
    });
  });
});
