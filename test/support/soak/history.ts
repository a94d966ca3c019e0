// What people meant to do and what they were answered, line by line in a file: each intention before its call
// is made, each answer before anything is done with it. What was killed when, the file does not care.
import { createReadStream, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** A request for a workspace, which has a name that nobody asks for twice. */
export interface Request {
  readonly owner: string;
  readonly name: string;
  /** Of idempotency; null: none. */
  readonly key: string | null;
}

export type Entry =
  | (Request & { readonly kind: 'claim'; readonly call: number })
  | { readonly kind: 'delete'; readonly call: number; readonly workspace: string }
  | {
      /** A workspace that was told, as its view says. */
      readonly kind: 'given';
      readonly call: number;
      readonly workspace: string;
      readonly owner: string;
      readonly epoch: number;
      /** From a pool. */
      readonly claimed: boolean;
    }
  /** A delete that has begun, or a request that stands in line. */
  | { readonly kind: 'done'; readonly call: number }
  | { readonly kind: 'refused'; readonly call: number; readonly code: string }
  /** What became of it is unknown. */
  | { readonly kind: 'lost'; readonly call: number; readonly why: string }
  /** All that follows is asked of one pool, which has so many ready and gets no more. */
  | { readonly kind: 'rush'; readonly ready: number };

export interface History extends AsyncDisposable {
  /** How many entries of each kind were written. */
  readonly counts: Readonly<Record<Entry['kind'], number>>;
  /** How many workspaces were told to be from a pool, each counted once. */
  readonly claims: number;
  nextCall(): number;
  write(entry: Entry): void;
}

export async function openHistory(file: string): Promise<History> {
  const handle = await open(file, 'a');
  const counts = { claim: 0, delete: 0, given: 0, done: 0, refused: 0, lost: 0, rush: 0 };
  const claimed = new Set<string>();
  let calls = 0;
  return {
    counts,
    get claims() {
      return claimed.size;
    },
    nextCall: () => ++calls,
    write: (entry) => {
      writeSync(handle.fd, `${JSON.stringify(entry)}\n`);
      counts[entry.kind] += 1;
      if (entry.kind === 'given' && entry.claimed) claimed.add(entry.workspace);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

export async function readHistory(file: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) entries.push(JSON.parse(line) as Entry);
  return entries;
}
