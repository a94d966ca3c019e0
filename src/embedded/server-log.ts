// The server writes its log to a file: a pipe to this process would end the server's life, or its
// patience, with ours.
import { open, readFile, rename, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** With the settings of settings.ts a server writes some lines a day. */
const ROTATE_AT_BYTES = 1_000_000;

export interface ServerLog {
  readonly handle: FileHandle;
  /** What was written since it was opened. */
  readNew(): Promise<string>;
}

/** Opens the log to append to it; a large one is put aside first, in place of the one before. */
export async function openServerLog(file: string): Promise<ServerLog> {
  const size = await sizeOf(file);
  if (size > ROTATE_AT_BYTES) await rename(file, `${file}.old`);
  const handle = await open(file, 'a', 0o600);
  const { size: start } = await handle.stat();
  return {
    handle,
    readNew: async () => (await readFile(file)).subarray(start).toString('utf8'),
  };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
