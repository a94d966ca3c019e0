// One at a time per key, in the order of asking; different keys never wait for each other.

export interface KeyedMutex {
  /** Runs `work` once everything asked for earlier under `key` has ended, well or not. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Whether something runs or waits under `key`. */
  isBusy(key: string): boolean;
}

export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>();
  return {
    run: (key, work) => {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(work);
      // The next one waits for this one's end, whatever its outcome, which its own caller gets.
      const tail = result.then(
        () => undefined,
        () => undefined,
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
    isBusy: (key) => tails.has(key),
  };
}
