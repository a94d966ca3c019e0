// Which control plane runs in a data folder, and where it can be reached: one at a time.
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../base/app-error.ts';
import { findHolder, lockFolder } from '../../base/folder-lock.ts';
import type { Kit } from '../../base/kit.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import {
  formatIdentity,
  identifyProcess,
  type ProcessIdentity,
} from '../../base/process-identity.ts';
import type { DataFolder } from './data-folder.ts';

export interface Instance {
  readonly process: ProcessIdentity;
  /** Null until it listens. */
  readonly url: string | null;
}

export type Occupation =
  | { readonly kind: 'mine'; announce(url: string): Promise<void>; release(): Promise<void> }
  | { readonly kind: 'taken'; readonly by: Instance };

type Place = Pick<DataFolder, 'instanceLock' | 'instanceFile'>;

// Whoever has the folder keeps it for hours; one that is just ending lets go within this.
const LOCK_WAIT_MS = 500;

/** Takes the folder for this process, unless another living one has it. */
export async function occupy(kit: Pick<Kit, 'clock' | 'rng'>, folder: Place): Promise<Occupation> {
  const lock = await lockFolder(kit, folder.instanceLock, { waitMs: LOCK_WAIT_MS });
  if (lock.kind === 'taken') return { kind: 'taken', by: await describe(folder, lock.by) };
  return {
    kind: 'mine',
    announce: (url) => writeAddress(folder, url),
    release: async () => {
      await rm(folder.instanceFile, { force: true });
      await lock.release();
    },
  };
}

/** As occupy. Throws ALREADY_RUNNING. */
export async function occupyOrRefuse(
  kit: Pick<Kit, 'clock' | 'rng'>,
  folder: Place & Pick<DataFolder, 'path'>,
): Promise<Occupation & { readonly kind: 'mine' }> {
  const occupation = await occupy(kit, folder);
  if (occupation.kind === 'mine') return occupation;
  const { process, url } = occupation.by;
  throw new AppError(
    'ALREADY_RUNNING',
    `process ${process.pid} runs a control plane in ${folder.path} (${url ?? 'starting'})`,
  );
}

/** The living process that has the folder. */
export async function findInstance(folder: Place): Promise<Instance | undefined> {
  const holder = await findHolder(folder.instanceLock);
  return holder === undefined ? undefined : describe(folder, holder);
}

// The file names the process that wrote it, so that one left behind by a crash is nobody's.
const addressSchema = z.object({ process: z.string(), url: z.string() });

async function writeAddress(folder: Place, url: string): Promise<void> {
  const mine = identifyProcess(process.pid);
  if (mine === undefined) throw new Error('this process cannot identify itself');
  const address = { process: formatIdentity(mine), url } satisfies z.output<typeof addressSchema>;
  await writePrivateFile(folder.instanceFile, `${JSON.stringify(address)}\n`);
}

async function describe(folder: Place, holder: ProcessIdentity): Promise<Instance> {
  const address = addressSchema.safeParse(await readJson(folder.instanceFile));
  const isTheirs = address.success && address.data.process === formatIdentity(holder);
  return { process: holder, url: isTheirs ? address.data.url : null };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) {
      return undefined;
    }
    throw error;
  }
}
