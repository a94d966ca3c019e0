// Values of sensitive parameters that a later build has taken the place of: gone when nothing needs them any more.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { JobId } from '../../../src/base/id.ts';
import type { AttemptRef } from '../../../src/jobs/attempt.ts';
import { keepState } from '../../../src/jobs/state/keep-state.ts';
import { takeState } from '../../../src/jobs/state/take-state.ts';
import { AWAITED_DAYS } from '../../../src/store/awaited-stray.ts';
import { removeUnneededSecrets } from '../../../src/store/secret-parameters.ts';
import { FAILED } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { createRebuildGrounds, OLD, type RebuildGround } from './rebuild-ground.ts';

const FORMER = { token: 'canary-51c0' };
const NEWER = { token: 'canary-77ab' };

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
});

/** How many are kept after a look of the reaper. */
async function kept(): Promise<number> {
  await removeUnneededSecrets(store.database);
  const rows = await store.sql('select from secret_parameters where workspace_id = $1', [
    ground.id,
  ]);
  return rows.length;
}

/** The next job, done; gives the values it was done with. */
const builtWith = async (result?: typeof FAILED): Promise<unknown> =>
  (await ground.built(result)).build?.parameters;

it('go when the build with others has succeeded, and starts find the newer ones', async () => {
  await ground.rebuild({ parameters: NEWER });
  expect(await kept()).toBe(2);
  const { attempt } = await ground.begun();
  expect(await kept()).toBe(2);
  await ground.queue.complete(attempt);
  expect(await kept()).toBe(1);
  await ground.change('stop');
  expect(await builtWith()).toMatchObject(NEWER);
  await ground.change('start');
  expect(await builtWith()).toMatchObject(NEWER);
  expect(await kept()).toBe(1);
});

it('go when a version has no such parameter any more', async () => {
  const [region, size] = OLD.parameters!;
  await ground.promote({ parameters: [region!, size!] });
  await ground.rebuild({ updates: true });
  await builtWith();
  expect(await kept()).toBe(0);
  await ground.change('delete');
  expect(await builtWith()).toEqual({ region: 'us', size: 'small' });
});

it('stay while what was made with them is there, and both while either may be built with', async () => {
  await ground.rebuild({ parameters: NEWER });
  const [job] = await store.sql<{ id: JobId }>(
    `select id from jobs where status = 'pending' and organization_id = $1`,
    [ground.organizationId],
  );
  await ground.queue.cancel(job!.id);
  expect(await kept()).toBe(2);
  await ground.change('start');
  await ground.queue.cancel((await ground.begun()).job.id);
  expect(await kept()).toBe(2);
});

it('stay for a start that is tried again, and for a stop in its place', async () => {
  const first = await stateWritten();
  await ground.queue.complete(first);
  await ground.change('stop');
  await builtWith();
  await ground.rebuild({ parameters: NEWER });
  expect(await builtWith(FAILED)).toMatchObject(NEWER);
  expect(await kept()).toBe(2);
  await ground.change('start');
  expect(await builtWith(FAILED)).toMatchObject(NEWER);
  expect(await kept()).toBe(2);
  await ground.change('stop');
  expect(await builtWith()).toMatchObject(FORMER);
  expect(await kept()).toBe(1);
  await ground.change('start');
  expect(await builtWith()).toMatchObject(FORMER);
});

it('stay for as long as an attempt may turn up with what it made, and until that is destroyed', async () => {
  const lost = await stateWritten();
  await ground.queue.complete(lost, FAILED);
  await ground.rebuild({ parameters: NEWER });
  const { attempt } = await ground.begun();
  await takeState(ground.queue.deps, attempt);
  await ground.queue.complete(attempt);
  expect(await kept()).toBe(2);

  expect(await write(lost, 2)).toBe('stray');
  await store.advanceClock((AWAITED_DAYS + 1) * 86_400_000);
  expect(await kept()).toBe(2);
  await store.sql('delete from stray_states where workspace_id = $1', [ground.id]);
  expect(await kept()).toBe(1);
});

/** A start with the former values that holds the state's first lock, and has written it. */
async function stateWritten(): Promise<AttemptRef> {
  await ground.change('start');
  const { attempt } = await ground.begun();
  await takeState(ground.queue.deps, attempt);
  await write(attempt, 1);
  return attempt;
}

function write({ jobId, attempt, daemon }: AttemptRef, sequence: number): Promise<string> {
  const { daemonId, incarnation } = daemon;
  const from = { daemonId, incarnation, jobId, attempt, lock: 1 };
  return keepState(ground.queue.deps, { ...from, sequence, state: `{"serial":${sequence}}` });
}
