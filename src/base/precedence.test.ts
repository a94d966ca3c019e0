import { describe, expect, it } from 'vitest';
import { createDeferred } from '../../test/support/deferred.ts';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { createPrecedence } from './precedence.ts';

const MOST_MS = 250;

function setUp() {
  const clock = createManualClock();
  const precedence = createPrecedence(clock);
  /** Something that somebody waits for, until it is ended. */
  const begin = () => {
    const answer = createDeferred<string>();
    return {
      answered: precedence.first(() => answer.promise),
      end: (said: string) => answer.resolve(said),
      fail: (error: Error) => answer.reject(error),
    };
  };
  const begun: string[] = [];
  const wait = (name: string) =>
    precedence.behind(MOST_MS, () => {
      begun.push(name);
      return Promise.resolve(name);
    });
  return { clock, precedence, begin, begun, wait };
}

describe('what may wait', () => {
  it('begins at once where nobody waits', async () => {
    const { clock, begun, wait } = setUp();
    const done = wait('pass');
    expect(begun).toEqual(['pass']);
    expect(clock.sleeping()).toBe(0);
    await expect(done).resolves.toBe('pass');
  });

  it('begins when the last that goes first has ended', async () => {
    const { clock, begin, begun, wait } = setUp();
    const one = begin();
    const other = begin();
    const done = [wait('pass'), wait('report')];
    one.end('ready');
    await settle();
    expect(begun).toEqual([]);
    other.end('ready');
    await expect(Promise.all(done)).resolves.toEqual(['pass', 'report']);
    expect(clock.sleeping()).toBe(0);
    await expect(one.answered).resolves.toBe('ready');
  });

  it('begins as well when what goes first has failed', async () => {
    const { begin, begun, wait } = setUp();
    const one = begin();
    const done = wait('pass');
    one.fail(new Error('nothing is ready'));
    await expect(one.answered).rejects.toThrow('nothing is ready');
    await done;
    expect(begun).toEqual(['pass']);
  });

  it('waits anew for what began after that, and never longer than it may', async () => {
    const { clock, begin, begun, wait } = setUp();
    begin().end('ready');
    await settle();
    begin();
    void wait('pass');
    await clock.advance(MOST_MS - 1);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(['pass']);
  });

  it('waits with many others without a warning', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const { begin, begun, wait } = setUp();
    const one = begin();
    const done = Array.from({ length: 50 }, (_, n) => wait(String(n)));
    one.end('ready');
    await Promise.all(done);
    await settle();
    process.off('warning', warn);
    expect(begun).toHaveLength(50);
    expect(warnings).toEqual([]);
  });

  it('fails as it would without waiting', async () => {
    const { begin, precedence } = setUp();
    const one = begin();
    const done = precedence.behind(MOST_MS, () =>
      Promise.reject(new Error('the database is away')),
    );
    one.end('ready');
    await expect(done).rejects.toThrow('the database is away');
  });
});
