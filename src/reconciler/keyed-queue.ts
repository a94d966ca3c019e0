// A queue that holds keys only. Equal keys merge; a key that arrives while it runs runs once more, after a
// rest; one key is never worked on twice at once. What fails is tried again after a growing pause.
import type { Kit } from '../base/kit.ts';
import { createService, type Service } from '../base/service.ts';

export type RunResult<R> =
  | { readonly kind: 'done'; readonly value: R }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The queue was stopped before the key's turn. */
  | { readonly kind: 'stopped' };

export interface KeyedQueue<K extends string, R> extends Service {
  /** Puts a key in the queue; does nothing before start or after stop. */
  add(key: K): void;
  /** Puts a key in the queue and waits for a run of it that begins after this call. Never rejects. */
  run(key: K): Promise<RunResult<R>>;
}

export interface KeyedQueueOptions<K extends string, R> {
  readonly name: string;
  /** How many keys are worked on at once. */
  readonly workers: number;
  readonly work: (key: K, signal: AbortSignal) => Promise<R>;
  /** The first pause after a failure; doubles up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** The longest rest of a key. */
  readonly restMaxMs: number;
}

/**
 * After a run its key rests this many times as long as that took, up to `restMaxMs`: a short run that is
 * wanted all the time takes a third of a worker's time, and of the database's.
 */
const REST = 2;

/** A key that waits for its turn, runs, rests, or waits for its next try. */
interface Entry<R> {
  /** It runs or rests. */
  busy: boolean;
  /** In `ready`, or to be put there when it is not busy any more. */
  wanted: boolean;
  failures: number;
  /** A pause before the next try is under way. */
  pausing: boolean;
  /** Those who wait for the next run. */
  waiters: ((result: RunResult<R>) => void)[];
}

export function createKeyedQueue<K extends string, R>(
  kit: Kit,
  options: KeyedQueueOptions<K, R>,
): KeyedQueue<K, R> {
  const log = kit.log.child({ component: options.name });
  const entries = new Map<K, Entry<R>>();
  const ready: K[] = [];
  let signal: AbortSignal | undefined;
  let background: (work: Promise<void>) => void = () => undefined;
  let active = 0;

  const isOpen = (): boolean => signal?.aborted === false;

  const want = (key: K): Entry<R> => {
    const entry = entries.get(key) ?? createEntry<R>();
    entries.set(key, entry);
    if (!entry.wanted) {
      entry.wanted = true;
      if (!entry.busy) ready.push(key);
    }
    return entry;
  };

  const work = async (key: K, entry: Entry<R>, until: AbortSignal): Promise<void> => {
    const waiters = entry.waiters;
    entry.waiters = [];
    entry.busy = true;
    entry.wanted = false;
    const startedMs = kit.clock.monotonicMs();
    const result = await settle(() => options.work(key, until));
    if (result.kind === 'failed') retry(key, entry, result.error);
    else entry.failures = 0;
    rest(key, entry, kit.clock.monotonicMs() - startedMs);
    for (const tell of waiters) tell(result);
  };

  const rest = (key: K, entry: Entry<R>, tookMs: number): void => {
    const restMs = Math.min(tookMs * REST, options.restMaxMs);
    if (restMs === 0) release(key, entry);
    else {
      const rested = (): void => {
        release(key, entry);
        fill();
      };
      background(kit.clock.sleep(restMs, signal).then(rested, () => undefined)); // ended by stop
    }
  };

  const release = (key: K, entry: Entry<R>): void => {
    entry.busy = false;
    if (entry.wanted) ready.push(key);
    else if (!entry.pausing) entries.delete(key);
  };

  const retry = (key: K, entry: Entry<R>, error: unknown): void => {
    entry.failures += 1;
    const { retryMs, retryMaxMs } = options;
    const pauseMs = Math.min(retryMs * 2 ** (entry.failures - 1), retryMaxMs);
    log.error('queue.key_failed', { key, failures: entry.failures, retry_in_ms: pauseMs, error });
    if (entry.pausing) return;
    entry.pausing = true;
    // Jitter, so that keys that failed together do not meet again.
    const jitteredMs = pauseMs * (0.5 + 0.5 * kit.rng.next());
    const again = (): void => {
      entry.pausing = false;
      add(key);
    };
    background(kit.clock.sleep(jitteredMs, signal).then(again, () => undefined)); // ended by stop
  };

  const fill = (): void => {
    while (signal?.aborted === false && active < options.workers) {
      const key = ready.shift();
      if (key === undefined) return;
      const entry = entries.get(key);
      if (entry === undefined) continue;
      active += 1;
      const turn = work(key, entry, signal).finally(() => {
        active -= 1;
        fill();
      });
      background(turn);
    }
  };

  const add = (key: K): void => {
    if (!isOpen()) return;
    want(key);
    fill();
  };

  const releaseAll = (): void => {
    for (const entry of entries.values()) {
      for (const tell of entry.waiters) tell({ kind: 'stopped' });
    }
    ready.length = 0;
    entries.clear();
  };

  const service = createService(kit.clock, {
    name: options.name,
    start: (scope) => {
      signal = scope.signal;
      background = (work) => scope.background(work);
      return Promise.resolve();
    },
    stop: () => {
      releaseAll();
      return Promise.resolve();
    },
  });

  return {
    ...service,
    add,
    run: (key) => {
      if (!isOpen()) return Promise.resolve({ kind: 'stopped' });
      const entry = want(key);
      const result = new Promise<RunResult<R>>((resolve) => entry.waiters.push(resolve));
      fill();
      return result;
    },
  };
}

function createEntry<R>(): Entry<R> {
  return { busy: false, wanted: false, failures: 0, pausing: false, waiters: [] };
}

async function settle<R>(work: () => Promise<R>): Promise<RunResult<R>> {
  try {
    return { kind: 'done', value: await work() };
  } catch (error) {
    return { kind: 'failed', error };
  }
}
