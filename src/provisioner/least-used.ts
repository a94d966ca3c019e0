// Which entries of a bounded cache have to go: its files or folders carry the time of their last use.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** The entries of `folder` beyond the `max` that were used last; hidden ones do not count. */
export async function listLeastUsed(folder: string, max: number): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  if (names.length <= max) return [];
  const entries = await Promise.all(
    names.map(async (name) => {
      const entry = path.join(folder, name);
      const found = await stat(entry).catch(() => undefined); // another attempt removed it
      return { entry, usedMs: found?.mtimeMs ?? 0 };
    }),
  );
  entries.sort((a, b) => b.usedMs - a.usedMs);
  return entries.slice(max).map(({ entry }) => entry);
}
