// What was read and is asked for again and again, kept for a short time.
import type { Clock } from './clock.ts';

export interface Memory<K, V> {
  /** Undefined where it is not known, or not any more. */
  get(key: K): V | undefined;
  /** `readMs` is by the monotonic clock, of a moment before it was read. */
  set(key: K, value: V, readMs: number): void;
  forget(key: K): void;
  clear(): void;
}

export interface MemoryOptions {
  readonly forMs: number;
  /** Of more, those that were set last are kept. */
  readonly most: number;
}

export function createMemory<K, V>(
  clock: Pick<Clock, 'monotonicMs'>,
  { forMs, most }: MemoryOptions,
): Memory<K, V> {
  const known = new Map<K, { readonly value: V; readonly readMs: number }>();
  return {
    get: (key) => {
      const found = known.get(key);
      if (found === undefined) return undefined;
      if (clock.monotonicMs() - found.readMs < forMs) return found.value;
      known.delete(key);
      return undefined;
    },
    set: (key, value, readMs) => {
      known.delete(key);
      known.set(key, { value, readMs });
      const [oldest] = known.size > most ? known.keys() : [];
      if (oldest !== undefined) known.delete(oldest);
    },
    forget: (key) => void known.delete(key),
    clear: () => known.clear(),
  };
}
