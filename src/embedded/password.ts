// The password of Standby's role: made once, stored where only its owner can read it.
import { link, open } from 'node:fs/promises';
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import { syncFolder } from '../base/folder.ts';
import { readIfThere } from '../base/read-if-there.ts';
import type { Layout } from './layout.ts';
import { createScratchFolder, removeFolder } from './scratch-folder.ts';

/** The stored password, or undefined when there is none yet. */
export async function findPassword(layout: Layout): Promise<string | undefined> {
  const stored = (await readIfThere(layout.passwordFile))?.trim();
  return stored === '' ? undefined : stored;
}

/** Stores a new password, unless another start did so first: then that one is the answer. */
export async function createPassword(kit: Kit, layout: Layout): Promise<string> {
  const password = Buffer.from(kit.rng.bytes(32)).toString('base64url');
  const scratch = await createScratchFolder(kit, layout.root);
  try {
    const file = path.join(scratch, 'password');
    await writeDurably(file, `${password}\n`);
    // A link, unlike a rename, never replaces what is there.
    await link(file, layout.passwordFile);
    await syncFolder(layout.root);
    return password;
  } catch (error) {
    const existing = await findPassword(layout);
    if (existing === undefined) throw error;
    return existing;
  } finally {
    await removeFolder(scratch);
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
