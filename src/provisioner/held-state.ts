// What an attempt's folder says about the state in it, for whoever finds it after a kill.
import path from 'node:path';
import { z } from 'zod';
import { writePrivateFile } from '../base/private-file.ts';
import { readIfThere } from '../base/read-if-there.ts';

/** In an attempt's folder: the state as the driver's tool writes it. */
export const STATE_FILE = 'state.json';
const HOLD_FILE = 'held-state.json';

const heldStateSchema = z.object({
  job_id: z.string(),
  attempt: z.int(),
  lock: z.int(),
  /** A state is there, or was: an empty file is one that was cut off. */
  begun: z.boolean().default(false),
});

/** The attempt, and the lock of the workspace's state that it took. */
export type HeldState = z.output<typeof heldStateSchema>;

export async function writeHeldState(folder: string, held: HeldState): Promise<void> {
  await writePrivateFile(path.join(folder, HOLD_FILE), JSON.stringify(held));
}

/** Undefined for an attempt that took no lock. */
export async function readHeldState(folder: string): Promise<HeldState | 'unclear' | undefined> {
  const text = await readIfThere(path.join(folder, HOLD_FILE));
  if (text === undefined) return undefined;
  try {
    return heldStateSchema.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return 'unclear';
    throw error;
  }
}

/** What a state file holds. Tools write into it as it is: whoever kills one, or a full disk, leaves half. */
export type StateFile =
  { readonly kind: 'whole'; readonly state: string } | { readonly kind: 'none' | 'half' };

export async function readStateFile(
  file: string,
  { begun }: Pick<HeldState, 'begun'>,
): Promise<StateFile> {
  const state = await readIfThere(file);
  if (state === undefined) return { kind: 'none' };
  // Terraform makes the file empty before it has anything to write, and each time before it writes.
  if (state === '' && !begun) return { kind: 'none' };
  return isJson(state) ? { kind: 'whole', state } : { kind: 'half' };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
