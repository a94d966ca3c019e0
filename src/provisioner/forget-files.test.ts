import { expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createScriptedDriver } from '../../test/support/scripted-driver.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { forgetFiles } from './forget-files.ts';

it('takes away what no version needs, again when it could not ask, and nothing that is used', async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  const kept = new Set(['live', 'gone', 'gone-but-used']);
  const driver = {
    ...createScriptedDriver(),
    fileCache: {
      list: () => Promise.resolve([...kept]),
      remove: (hash: string) => Promise.resolve(hash !== 'gone-but-used' && kept.delete(hash)),
    },
  };
  const asked: (readonly string[])[] = [];
  const controlPlane = {
    findUnusedFiles: (hashes: readonly string[]) => {
      asked.push(hashes);
      if (asked.length === 1) return Promise.reject(new Error('it is away'));
      return Promise.resolve(hashes.filter((hash) => hash !== 'live'));
    },
  };
  const kit = { ...createKit(silentLog), clock };
  const drivers = new Map([
    ['other', createScriptedDriver()],
    ['scripted', driver],
  ]);
  const done = forgetFiles({ kit, controlPlane, offered: { drivers } }, stop.signal);
  await clock.advance(600_000);
  expect([...kept]).toEqual(['live', 'gone', 'gone-but-used']);
  await clock.advance(600_000);
  expect([...kept]).toEqual(['live', 'gone-but-used']);
  expect(asked).toHaveLength(2);
  stop.abort();
  await done;
});
