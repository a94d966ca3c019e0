// What the agent remembers over its restarts: the newest epoch whose owner it has taken over.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';

export interface HandedOver {
  readonly epoch: number;
  /** Whether the on_claim script ended well. */
  readonly ok: boolean;
}

const FILE = 'handed-over.json';
const NOTHING: HandedOver = { epoch: 0, ok: true };

export async function readHandedOver(stateDir: string): Promise<HandedOver> {
  try {
    const text = await readFile(path.join(stateDir, FILE), 'utf8');
    const found = JSON.parse(text) as Partial<HandedOver> | null;
    return Number.isSafeInteger(found?.epoch) ? { ...NOTHING, ...found } : NOTHING;
  } catch (error) {
    // Nothing yet, or the workspace's user damaged the file: then it is handed over once more.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) {
      return NOTHING;
    }
    throw error;
  }
}

/** On the disk when it resolves. */
export async function writeHandedOver(stateDir: string, done: HandedOver): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const scratch = path.join(stateDir, `.${FILE}`);
  const handle = await open(scratch, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(done));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(scratch, path.join(stateDir, FILE));
}
