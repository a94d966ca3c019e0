import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writePrivateFile } from './private-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-private-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('a private file', () => {
  it('replaces what was there, for its owner alone', async () => {
    const file = path.join(folder, 'file');
    await writePrivateFile(file, 'one');
    await writePrivateFile(file, 'two');
    expect(await readFile(file, 'utf8')).toBe('two');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('leaves nothing when it cannot be written', async () => {
    const notContent = {} as string; // fails where a full disk would
    await expect(writePrivateFile(path.join(folder, 'file'), notContent)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });
});
