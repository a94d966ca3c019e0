import { describe, expect, it } from 'vitest';
import { allEnded } from './all-ended.ts';

describe('works that are done side by side', () => {
  it('have all ended when one has failed', async () => {
    const ended: string[] = [];
    const slow = new Promise<string>((resolve) => setImmediate(resolve, 'slow')).then((name) => {
      ended.push(name);
      return name;
    });
    const failed = new Error('the first');
    await expect(allEnded([Promise.reject(failed), slow])).rejects.toBe(failed);
    expect(ended).toEqual(['slow']);
  });

  it('give what each gives, in their order', async () => {
    expect(await allEnded([Promise.resolve(1), Promise.resolve('two')])).toEqual([1, 'two']);
  });
});
