// Which process runs in a data folder. The file names the process by pid, start time and boot, so
// that one left behind by a crash is told from a living one.
import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { writePrivateFile } from '../../base/private-file.ts';
import { identifyProcess, isSameProcess } from '../../base/process-identity.ts';

const instanceSchema = z.object({
  process: z.object({ pid: z.int(), startMark: z.string(), bootId: z.string() }),
  /** Null until it listens. */
  url: z.string().nullable(),
});

export type Instance = z.output<typeof instanceSchema>;

export type Occupation =
  | { readonly kind: 'mine'; announce(url: string): Promise<void>; release(): Promise<void> }
  | { readonly kind: 'taken'; readonly by: Instance };

/** Takes the folder for this process, unless another living one has it. */
export function occupy(clock: Clock, file: string): Promise<Occupation> {
  const mine = identifyProcess(process.pid);
  if (mine === undefined) throw new Error('this process cannot identify itself');
  const write = (url: string | null): Promise<void> =>
    writePrivateFile(file, `${JSON.stringify({ process: mine, url } satisfies Instance)}\n`);
  return takingTurns(clock, `${file}.turn`, async () => {
    const by = await findInstance(file);
    if (by !== undefined) return { kind: 'taken', by };
    await write(null);
    return { kind: 'mine', announce: write, release: () => rm(file, { force: true }) };
  });
}

/** The living process that has the folder. */
export async function findInstance(file: string): Promise<Instance | undefined> {
  const instance = instanceSchema.safeParse(await readJson(file));
  // What this program did not write names nobody.
  return instance.success && isSameProcess(instance.data.process) ? instance.data : undefined;
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

// A turn takes milliseconds; only one whose process was killed within them gets this old.
const ABANDONED_TURN_MS = 10_000;
const TURN_POLL_MS = 20;

async function takingTurns<T>(clock: Clock, folder: string, work: () => Promise<T>): Promise<T> {
  while (!(await takeTurn(clock, folder))) await clock.sleep(TURN_POLL_MS);
  try {
    return await work();
  } finally {
    await rmdir(folder);
  }
}

async function takeTurn(clock: Clock, folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const taken = await stat(folder).catch(() => undefined); // given back meanwhile
  if (taken !== undefined && clock.now() - taken.mtimeMs > ABANDONED_TURN_MS) {
    await rm(folder, { recursive: true, force: true });
  }
  return false;
}
