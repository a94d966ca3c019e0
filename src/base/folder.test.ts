import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureFolder } from './folder.ts';

describe('a folder that is ensured', () => {
  let parent: string;

  beforeEach(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'standby-folder-'));
  });

  afterEach(() => rm(parent, { recursive: true }));

  async function modeOf(folder: string): Promise<string> {
    return ((await stat(folder)).mode & 0o777).toString(8);
  }

  it('is made with those above it, all with the mode that was asked for', async () => {
    await ensureFolder(path.join(parent, 'a/b'), 0o711);
    expect(await modeOf(path.join(parent, 'a'))).toBe('711');
    expect(await modeOf(path.join(parent, 'a/b'))).toBe('711');
  });

  it('keeps the mode it has when it is there', async () => {
    const folder = path.join(parent, 'mine');
    await mkdir(folder, { mode: 0o700 });
    await ensureFolder(folder, 0o711);
    expect(await modeOf(folder)).toBe('700');
  });

  it('cannot be made below a file', async () => {
    await expect(ensureFolder('/dev/null/a', 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
