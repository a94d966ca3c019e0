import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openHistory, readHistory, type Entry } from './history.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-history-'));
});
afterAll(() => rm(folder, { recursive: true }));

const given = (call: number, workspace: string, claimed: boolean): Entry => ({
  ...{ kind: 'given', call, workspace, owner: 'ann', epoch: 1, claimed },
});

it('counts a claim once, however often it was answered, and no workspace that was built', async () => {
  const file = path.join(folder, 'history.jsonl');
  await using history = await openHistory(file);
  const entries = [given(1, 'w1', true), given(2, 'w1', true), given(3, 'w2', false)];
  for (const entry of entries) history.write(entry);
  expect(history.claims).toBe(1);
  expect(history.counts.given).toBe(3);
  expect(await readHistory(file)).toEqual(entries);
});
