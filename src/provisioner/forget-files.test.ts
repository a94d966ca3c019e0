import { expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createScriptedDriver } from '../../test/support/scripted-driver.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { forgetFiles } from './forget-files.ts';

/** A daemon whose driver keeps these, at a control plane that needs those which it calls live. */
function forgetting(names: readonly string[]) {
  const clock = createManualClock();
  const stop = new AbortController();
  const kept = new Set(names);
  const driver = {
    ...createScriptedDriver(),
    fileCache: {
      list: () => Promise.resolve([...kept]),
      remove: (hash: string) =>
        hash === 'stuck'
          ? Promise.reject(new Error('the engine has a fault with it'))
          : Promise.resolve(hash !== 'gone-but-used' && kept.delete(hash)),
    },
  };
  const asked: (readonly string[])[] = [];
  const answers = { isAway: false };
  const controlPlane = {
    findUnusedFiles: (hashes: readonly string[]) => {
      asked.push(hashes);
      if (answers.isAway) return Promise.reject(new Error('it is away'));
      return Promise.resolve(hashes.filter((hash) => hash !== 'live'));
    },
  };
  const kit = { ...createKit(silentLog), clock };
  const drivers = new Map([
    ['other', createScriptedDriver()],
    ['scripted', driver],
  ]);
  const done = forgetFiles({ kit, controlPlane, offered: { drivers } }, stop.signal);
  return {
    answers,
    asked,
    kept,
    passes: () => clock.advance(600_000),
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

it('takes away what no version needs, again when it could not ask, and nothing that is used', async () => {
  const { answers, asked, kept, passes, stop } = forgetting(['live', 'gone', 'gone-but-used']);
  answers.isAway = true;
  await passes();
  expect([...kept]).toEqual(['live', 'gone', 'gone-but-used']);
  answers.isAway = false;
  await passes();
  expect([...kept]).toEqual(['live', 'gone-but-used']);
  expect(asked).toHaveLength(2);
  await stop();
});

it('takes away the others when one cannot be', async () => {
  const { kept, passes, stop } = forgetting(['stuck', 'gone']);
  await passes();
  expect([...kept]).toEqual(['stuck']);
  await stop();
});

it('asks for many in parts, none of which a control plane refuses', async () => {
  const many = Array.from({ length: 2_500 }, (_, n) => `gone-${n}`);
  const { asked, kept, passes, stop } = forgetting(many);
  await passes();
  expect([asked.map((hashes) => hashes.length), kept.size]).toEqual([[1_000, 1_000, 500], 0]);
  await stop();
});
