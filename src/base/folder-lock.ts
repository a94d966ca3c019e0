// Mutual exclusion of processes by files in a folder, safe when holders are killed. Everyone writes
// a ticket that names its process first and looks for others' second, so of two that come at once at
// least one sees the other. A dead process's ticket counts for nothing and anyone may remove it:
// nobody ever takes over a lock file, which cannot be done without a race.
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Kit } from './kit.ts';
import {
  formatIdentity,
  identifyProcess,
  isSameProcess,
  parseIdentity,
  type ProcessIdentity,
} from './process-identity.ts';

export type LockResult =
  | { readonly kind: 'held'; release(): Promise<void> }
  | { readonly kind: 'taken'; readonly by: ProcessIdentity };

export interface LockOptions {
  /** How long to try while another holds it; 0 still settles a tie of two that came at once. */
  readonly waitMs: number;
}

/** Ties are settled by drawing again; this many draws leave two contenders a chance of 1 in 10^6. */
const TIE_DRAWS = 20;
const DRAW_MS = 20;

/** Takes the lock that `folder` (made when missing) stands for. */
export async function lockFolder(
  kit: Pick<Kit, 'clock' | 'rng'>,
  folder: string,
  options: LockOptions,
): Promise<LockResult> {
  const self = identifyProcess(process.pid);
  if (self === undefined) throw new Error('this process cannot be identified');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const deadlineMs = kit.clock.monotonicMs() + options.waitMs;
  const ticket = path.join(folder, ticketName(kit, self));
  for (let draw = 1; ; draw += 1) {
    await (await open(ticket, 'wx', 0o600)).close();
    const other = await findHolder(folder, ticket);
    if (other === undefined) return { kind: 'held', release: () => rm(ticket, { force: true }) };
    await rm(ticket, { force: true });
    if (draw >= TIE_DRAWS && kit.clock.monotonicMs() >= deadlineMs) {
      return { kind: 'taken', by: other };
    }
    await kit.clock.sleep(1 + kit.rng.next() * DRAW_MS);
  }
}

/** The living process that holds the lock, or is about to; `own` is a ticket that does not count. */
export async function findHolder(
  folder: string,
  own?: string,
): Promise<ProcessIdentity | undefined> {
  for (const name of await listTickets(folder)) {
    const file = path.join(folder, name);
    const identity = parseTicket(name);
    if (identity === undefined || file === own) continue;
    if (isSameProcess(identity)) return identity;
    await rm(file, { force: true });
  }
  return undefined;
}

async function listTickets(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nobody ever took it
    throw error;
  }
}

// The name says everything, so that a ticket is there whole or not at all.
function ticketName(kit: Pick<Kit, 'rng'>, self: ProcessIdentity): string {
  return `${Buffer.from(kit.rng.bytes(6)).toString('hex')}.${formatIdentity(self)}`;
}

function parseTicket(name: string): ProcessIdentity | undefined {
  return parseIdentity(name.slice(name.indexOf('.') + 1));
}
