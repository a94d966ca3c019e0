import { describe, expect, it } from 'vitest';
import { createKeyedMutex } from './keyed-mutex.ts';

const gate = (): { readonly open: () => void; readonly passed: Promise<void> } => {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), passed };
};

describe('a mutex by key', () => {
  it('runs the work of one key in order and that of another beside it', async () => {
    const mutex = createKeyedMutex();
    const seen: string[] = [];
    const first = gate();
    const one = mutex.run('a', async () => {
      await first.passed;
      seen.push('a1');
    });
    const two = mutex.run('a', async () => void seen.push('a2'));
    await mutex.run('b', async () => void seen.push('b'));
    first.open();
    await Promise.all([one, two]);
    expect(seen).toEqual(['b', 'a1', 'a2']);
  });

  it('goes on after work that failed, and tells its caller', async () => {
    const mutex = createKeyedMutex();
    const failing = mutex.run('a', async () => {
      throw new Error('broken');
    });
    const next = mutex.run('a', async () => 'fine');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });

  it('is busy while something runs or waits, and forgets the key afterwards', async () => {
    const mutex = createKeyedMutex();
    const hold = gate();
    const work = mutex.run('a', () => hold.passed);
    expect([mutex.isBusy('a'), mutex.isBusy('b')]).toEqual([true, false]);
    hold.open();
    await work;
    await expect.poll(() => mutex.isBusy('a')).toBe(false);
  });
});
