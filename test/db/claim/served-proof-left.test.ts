// What was taken for somebody in line by a control plane that died, or lost its database, before the proof: another
// one goes on with it as soon as nobody can be proving it any more.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkspaceId } from '../../../src/base/id.ts';
import type { StopResult } from '../../../src/base/service.ts';
import { createNoticeBus } from '../../../src/store/notice-bus.ts';
import { longestProofMs } from '../../../src/workspaces/prove-claim.ts';
import { createLineKeeper } from '../../../src/workspaces/waiting/line-keeper.ts';
import { createLineProver, type LineProver } from '../../../src/workspaces/waiting/prove-served.ts';
import {
  createAnsweringAgents,
  type AgentLife,
  type AnsweringAgents,
} from '../../support/answering-agents.ts';
import { judgeNoAgents } from '../../support/creator.ts';
import { createFactory, type Factory } from '../../support/factory.ts';
import { findViolations } from '../../support/pool-invariants.ts';
import { LINE_PROOF, openProvenLine, type ProvenLine } from '../../support/proven-line.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { until } from '../../support/until.ts';

const WAITS = { outcome: null, workspaceId: null, position: 1 };
const HOUR_MS = 3_600_000;
const STOP_MS = 60_000;

let store: TestStore;
let make: Factory;
let deps: TestQueue['deps'];
let answering: AnsweringAgents;
let line: ProvenLine;
let prover: LineProver;

beforeAll(async () => {
  store = await openTestStore();
  make = createFactory(store);
  const bus = createNoticeBus({ ...store.kit, ...store });
  ({ deps } = createQueue(store, make, { bus }));
  answering = createAnsweringAgents({ store, make }, deps);
});
afterAll(() => store.close());
beforeEach(async () => {
  line = await openProvenLine({ store, make }, { deps, answering });
  await begin();
});
afterEach(async () => {
  await areOver();
  await answering.end();
  // No daemon has made them, which some of the others find strange.
  const violations = await findViolations(store);
  expect(violations.filter((text) => /^(waiter|claim|member|a )/.test(text))).toEqual([]);
});

/** Another control plane. */
async function begin(): Promise<void> {
  const clock = answering.impatientClock(line.pool);
  prover = createLineProver({ ...deps, clock, proof: LINE_PROOF });
  await prover.start();
}

const left = async (...lives: readonly AgentLife[]): Promise<readonly WorkspaceId[]> => {
  const ids = await answering.ready(line.pool, ...lives);
  await line.take();
  return ids;
};

/** All proofs that were begun. On its clock the deadline of a stop passes as fast as the time that agents have. */
async function areOver(): Promise<void> {
  let ended: StopResult;
  do ended = await prover.stop('no more of them', STOP_MS);
  while (ended === 'deadline');
}

const isLeft = (): Promise<void> => store.advanceClock(longestProofMs(LINE_PROOF) + 1);

describe('a claim for somebody in line that nobody proves any more', () => {
  it('is proven by another control plane, where the agent lives', async () => {
    const id = await line.wait();
    const [workspaceId] = await left('lives');
    await isLeft();
    await prover.resume();
    await areOver();
    expect(await line.see(id)).toEqual({ outcome: 'served', workspaceId, position: null });
    expect(await line.claims()).toEqual([[workspaceId, 'hit']]);
  });

  it('is void where it does not, and who waits is given another one', async () => {
    const id = await line.wait();
    const [dead] = await left('frozen');
    await isLeft();
    // The same look twice begins with it once.
    await Promise.all([prover.resume(), prover.resume()]);
    await areOver();
    expect(await line.claims()).toEqual([[dead, 'void']]);
    expect(await line.see(id)).toEqual(WAITS);
    const [alive] = await answering.ready(line.pool, 'lives');
    await line.serve();
    expect(await line.see(id)).toMatchObject({ outcome: 'served', workspaceId: alive });
  });

  it('is void where a build of the hand-over is missing, which nobody knows any more', async () => {
    line = await openProvenLine({ store, make }, { deps, answering }, { claim: 'apply' });
    const id = await line.wait();
    const [first] = await left('lives');
    await isLeft();
    await prover.resume();
    await areOver();
    expect(await line.claims()).toEqual([[first, 'void']]);
    expect(await line.see(id)).toEqual(WAITS);
  });

  it('is left alone while somebody may be proving it', async () => {
    const id = await line.wait();
    const [workspaceId] = await left('frozen');
    await store.advanceClock(longestProofMs(LINE_PROOF) - 1_000);
    await prover.resume();
    await areOver();
    expect(await line.claims()).toEqual([[workspaceId, 'taken']]);
    expect(await line.see(id)).toEqual(WAITS);
  });

  it('is left alone while silence must not be judged', async () => {
    await line.wait();
    const [workspaceId] = await left('frozen');
    await isLeft();
    await judgeNoAgents(store);
    await prover.resume();
    await areOver();
    expect(await line.claims()).toEqual([[workspaceId, 'taken']]);
    await store.sql('delete from watches');
    await begin();
    await prover.resume();
    await areOver();
    expect(await line.claims()).toEqual([[workspaceId, 'void']]);
  });

  it('is found by the regular look at the lines', async () => {
    const id = await line.wait();
    const [workspaceId] = await left('lives');
    await isLeft();
    const keeper = createLineKeeper({ ...deps, lineProver: prover }, { intervalMs: HOUR_MS });
    await keeper.start();
    await until(async () => {
      expect(await line.see(id)).toMatchObject({ outcome: 'served', workspaceId });
    });
    await keeper.stop('the test is over', STOP_MS);
  });
});
