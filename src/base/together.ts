// Doing together what is asked for at the same time.
import type { Clock } from './clock.ts';
import { createTurns, type TurnsOptions } from './turns.ts';

export interface TogetherOptions extends Pick<TurnsOptions, 'lateMs' | 'most'> {
  /** Items of a run. */
  readonly maxItems: number;
  /** Whether a run may have failed for the sake of one of its items, so that the others go without it. */
  readonly isOfOneItem: (error: unknown) => boolean;
  /** What a run waits for before it takes its items; never fails. Without it, that who comes together goes together. */
  readonly gather?: () => Promise<void>;
}

/**
 * Gives a function that does one item, by runs that do many: what is asked for during a run goes into
 * the next one. `run` answers its items in their order. Where it fails for one of its items, all are run
 * again, each by itself, so that nobody gets another's error; such a run must have had no effect.
 */
export function together<Item, Answer>(
  clock: Pick<Clock, 'sleep'>,
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  { maxItems, isOfOneItem, gather = nextTask, ...turnsOptions }: TogetherOptions,
): (item: Item) => Promise<Answer> {
  interface Asked {
    readonly item: Item;
    resolve(answer: Answer): void;
    reject(error: unknown): void;
  }
  let waiting: Asked[] = [];
  let isPumpDue = false;

  const pump = (): void => {
    if (isPumpDue || waiting.length === 0 || !turns.isFree()) return;
    isPumpDue = true;
    void gather().then(() => {
      isPumpDue = false;
      const asked = waiting.slice(0, maxItems);
      waiting = waiting.slice(maxItems);
      void serve(asked);
    });
  };
  const turns = createTurns(clock, {
    ...turnsOptions,
    // Whoever was just answered may ask again at once, and goes with those that waited meanwhile.
    onFree: () => void setImmediate(pump),
  });

  const serve = async (asked: readonly Asked[]): Promise<void> => {
    const end = turns.begin();
    await runAll(asked);
    end();
  };

  const runAll = async (asked: readonly Asked[]): Promise<void> => {
    try {
      const answers = await run(asked.map(({ item }) => item));
      if (answers.length !== asked.length) throw new Error('a run did not answer all of its items');
      for (const [index, one] of asked.entries()) one.resolve(answers[index] as Answer);
    } catch (error) {
      if (asked.length > 1 && isOfOneItem(error)) {
        await Promise.all(asked.map((one) => runAll([one])));
      } else {
        for (const one of asked) one.reject(error);
      }
    }
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      pump();
    });
}

const nextTask = (): Promise<void> => Promise.resolve();
