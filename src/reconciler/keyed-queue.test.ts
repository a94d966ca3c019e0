import { describe, expect, it } from 'vitest';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { createKeyedQueue, type KeyedQueue } from './keyed-queue.ts';

interface Run {
  readonly key: string;
  end(): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A queue whose runs end when the test says so. */
async function setUp(workers = 2) {
  const clock = createManualClock();
  const rng = { bytes: (n: number) => new Uint8Array(n), next: () => 1 };
  const kit = { ...createKit(silentLog), clock, rng };
  const runs: Run[] = [];
  const running = new Set<string>();
  const queue: KeyedQueue<string, string> = createKeyedQueue(kit, {
    name: 'test',
    workers,
    retryMs: 1_000,
    retryMaxMs: 4_000,
    restMaxMs: 100,
    work: (key) =>
      new Promise((resolve, reject) => {
        if (running.has(key)) throw new Error(`${key} runs twice at once`);
        running.add(key);
        const finish = (how: () => void) => async (): Promise<void> => {
          running.delete(key);
          how();
          await settle();
        };
        runs.push({
          key,
          end: finish(() => resolve(`did ${key}`)),
          fail: (error) => finish(() => reject(error))(),
        });
      }),
  });
  await queue.start();
  return { clock, queue, runs, keys: () => runs.map((run) => run.key) };
}

describe('the keyed queue', () => {
  it('merges equal keys that wait', async () => {
    const { queue, runs, keys } = await setUp(1);
    for (const key of ['a', 'b', 'b', 'b', 'c']) queue.add(key);
    for (let turn = 0; turn < 3; turn++) await runs[turn]!.end();
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('has any number of keys rest at once, and nobody speaks of a leak', async () => {
    const warned: string[] = [];
    const note = ({ name }: Error): void => void warned.push(name);
    process.on('warning', note);
    const { clock, queue, runs } = await setUp(20);
    for (let n = 0; n < 20; n++) queue.add(`key ${n}`);
    await clock.advance(10);
    for (const run of [...runs]) await run.end();
    expect(clock.sleeping()).toBe(20);
    await queue.stop('test', 1_000);
    process.off('warning', note);
    expect(warned).toEqual([]);
  });

  it('runs a key once more when it arrives while it runs, however often it arrives', async () => {
    const { queue, runs, keys } = await setUp();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(keys()).toEqual(['a']);
    await runs[0]!.end();
    expect(keys()).toEqual(['a', 'a']);
    await runs[1]!.end();
    expect(keys()).toEqual(['a', 'a']);
  });

  it('lets a key rest for twice as long as its run took', async () => {
    const { clock, queue, runs, keys } = await setUp(1);
    queue.add('a');
    await clock.advance(20);
    queue.add('a');
    await runs[0]!.end();
    await clock.advance(39);
    // Others go on meanwhile.
    queue.add('b');
    expect(keys()).toEqual(['a', 'b']);
    await runs[1]!.end();
    queue.add('a');
    await clock.advance(1);
    expect(keys()).toEqual(['a', 'b', 'a']);
  });

  it('lets no key rest longer than it may', async () => {
    const { clock, queue, runs, keys } = await setUp();
    queue.add('a');
    await clock.advance(5_000);
    await runs[0]!.end();
    queue.add('a');
    await clock.advance(99);
    expect(keys()).toEqual(['a']);
    await clock.advance(1);
    expect(keys()).toEqual(['a', 'a']);
  });

  it('begins what is wanted after a rest at once', async () => {
    const { clock, queue, runs, keys } = await setUp();
    queue.add('a');
    await clock.advance(20);
    await runs[0]!.end();
    await clock.advance(40);
    queue.add('a');
    expect(keys()).toEqual(['a', 'a']);
  });

  it('works on no more keys at once than it has workers', async () => {
    const { queue, runs, keys } = await setUp(2);
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(keys()).toEqual(['a', 'b']);
    await runs[1]!.end();
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  it('answers those who wait with a run that began after they asked', async () => {
    const { queue, runs } = await setUp();
    queue.add('a');
    const answers: unknown[] = [];
    void queue.run('a').then((result) => answers.push(result));
    await runs[0]!.end();
    expect(answers).toEqual([]);
    await runs[1]!.end();
    expect(answers).toEqual([{ kind: 'done', value: 'did a' }]);
  });

  it('tries what failed again after a pause that doubles up to a limit', async () => {
    const { clock, queue, runs } = await setUp();
    const result = queue.run('a');
    await runs[0]!.fail(new Error('first'));
    expect(await result).toEqual({ kind: 'failed', error: new Error('first') });
    for (const [turn, pauseMs] of [1_000, 2_000, 4_000, 4_000].entries()) {
      await clock.advance(pauseMs - 1);
      expect(runs.length).toBe(turn + 1);
      await clock.advance(1);
      expect(runs.length).toBe(turn + 2);
      await runs[turn + 1]!.fail(new Error('again'));
    }
    await clock.advance(4_000);
    await runs[5]!.end();
    expect(clock.sleeping()).toBe(0);
    queue.add('a');
    await runs[6]!.fail(new Error('new'));
    await clock.advance(1_000);
    expect(runs.length).toBe(8);
  });

  it('does not gather retries when a key that fails is added over and over', async () => {
    const { clock, queue, runs } = await setUp();
    for (let turn = 0; turn < 20; turn++) {
      queue.add('a');
      await runs[turn]!.fail(new Error('broken'));
    }
    expect(clock.sleeping()).toBe(1);
  });

  it('never lets a key that fails hold up another', async () => {
    const { queue, runs, keys } = await setUp(1);
    queue.add('a');
    queue.add('b');
    await runs[0]!.fail(new Error('broken'));
    expect(keys()).toEqual(['a', 'b']);
  });

  it('waits for what runs when it stops, and starts nothing more', async () => {
    const { clock, queue, runs, keys } = await setUp(1);
    queue.add('a');
    const waiting = queue.run('b');
    let stopped = false;
    const stopping = queue.stop('test', 60_000).then((how) => {
      stopped = true;
      return how;
    });
    await settle();
    expect(stopped).toBe(false);
    await runs[0]!.end();
    expect(await stopping).toBe('stopped');
    expect(await waiting).toEqual({ kind: 'stopped' });
    queue.add('c');
    expect(await queue.run('d')).toEqual({ kind: 'stopped' });
    expect(keys()).toEqual(['a']);
    expect(clock.sleeping()).toBe(0);
  });

  it('ends the pause before a retry when it stops', async () => {
    const { clock, queue, runs } = await setUp();
    queue.add('a');
    await runs[0]!.fail(new Error('broken'));
    expect(await queue.stop('test', 60_000)).toBe('stopped');
    await clock.advance(60_000);
    expect(runs.length).toBe(1);
  });
});
