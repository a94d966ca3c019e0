// Files that take what somebody else's programs print, which may be without end. They are only ever
// appended to, so that they can be emptied while a program writes.
import { closeSync, ftruncateSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { Clock } from './clock.ts';
import { openedUp } from './opened-up.ts';

const MODE = 0o600;

/** Opens a file for a program's output. */
export function openOutput(file: string): number {
  return openedUp(file, { mode: MODE, use: () => openSync(file, 'a', MODE) });
}

/** Of output kept at its end, before the file is begun anew; as much again is kept beside it. */
const MAX_OUTPUT_BYTES = 5_000_000;
/** What a program prints in this time is what a file may grow beyond that. */
const TRIM_MS = 1_000;

/** Keeps the files from filling the disk until the signal aborts. Never rejects. */
export async function keepOutputShort(
  clock: Clock,
  files: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const file of files) shortenOutput(file);
    await clock.sleep(TRIM_MS, signal).catch(() => undefined); // the loop ends then
  }
}

/** Moves the newest part of an output that is too long to `FILE.old` and begins the file anew. */
export function shortenOutput(file: string, maxBytes = MAX_OUTPUT_BYTES): void {
  let output: number;
  try {
    // A program can take the rights to it away, also in a sandbox: it is its standard output.
    output = openedUp(file, { mode: MODE, use: () => openSync(file, 'r+') });
  } catch {
    return; // nothing was printed yet, or somebody took the file away
  }
  try {
    const { size } = fstatSync(output);
    if (size <= maxBytes) return;
    keepNewest(output, { from: size - maxBytes, bytes: maxBytes }, `${file}.old`);
    // What is printed between reading and here is lost.
    ftruncateSync(output);
  } catch {
    // It is tried again soon.
  } finally {
    closeSync(output);
  }
}

function keepNewest(
  output: number,
  part: { readonly from: number; readonly bytes: number },
  file: string,
): void {
  try {
    const newest = Buffer.alloc(part.bytes);
    const read = readSync(output, newest, 0, part.bytes, part.from);
    writeFileSync(file, newest.subarray(0, read), { mode: MODE });
  } catch {
    // On a full disk making room comes first.
  }
}
