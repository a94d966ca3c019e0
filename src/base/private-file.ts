// Small private files that are there whole or not at all, whatever instant the machine stops at.
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemRng } from './random.ts';

/** Writes `content` with mode 0600, replacing what was there. */
export async function writePrivateFile(file: string, content: string | Uint8Array): Promise<void> {
  const scratch = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${Buffer.from(systemRng.bytes(9)).toString('base64url')}`,
  );
  try {
    await writeWhole(scratch, content);
    await rename(scratch, file);
  } catch (error) {
    // On a full disk every try would leave another one.
    await rm(scratch, { force: true });
    throw error;
  }
}

async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.chmod(0o600); // whatever the umask was
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
