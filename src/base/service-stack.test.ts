import { describe, expect, it } from 'vitest';
import { silentLog } from './log.ts';
import type { Service, StopResult } from './service.ts';
import { createServiceStack } from './service-stack.ts';

function recorded(name: string, told: string[], stop: () => Promise<StopResult>): Service {
  return {
    name,
    start: async () => {
      told.push(`start ${name}`);
      if (name === 'broken') throw new Error('no');
    },
    stop: async () => {
      told.push(`stop ${name}`);
      return stop();
    },
  };
}

describe('a stack of services', () => {
  it('stops the last one first, the one whose start failed included, and once', async () => {
    const told: string[] = [];
    const stack = createServiceStack(silentLog);
    const stopped = (): Promise<StopResult> => Promise.resolve('stopped');
    await stack.start(recorded('a', told, stopped));
    await stack.start(recorded('b', told, stopped));
    await expect(stack.start(recorded('broken', told, stopped))).rejects.toThrow('no');
    await stack.stop('test', 10);
    await stack.stop('test', 10);
    expect(told).toEqual(['start a', 'start b', 'start broken', 'stop broken', 'stop b', 'stop a']);
  });

  it('goes on when one is late or fails, and names those that are late', async () => {
    const told: string[] = [];
    const stack = createServiceStack(silentLog);
    await stack.start(recorded('a', told, () => Promise.resolve('deadline')));
    await stack.start(recorded('b', told, () => Promise.reject(new Error('no'))));
    expect(await stack.stop('test', 10)).toEqual(['a']);
    expect(told.slice(2)).toEqual(['stop b', 'stop a']);
  });
});
