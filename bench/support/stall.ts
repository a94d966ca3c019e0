// Stalls: moments in which a processor does next to nothing although it counts as busy, as on a host that other machines
// share. No statistics of the system show them, but a piece of work does that takes many times its processor time.
import { median } from './figures.ts';
import type { Answer } from './pace.ts';

export interface Piece {
  /** When it was done. */
  readonly atMs: number;
  /** The processor time that it took; of all pieces the work is the same. */
  readonly cpuMs: number;
}

export interface Stall {
  readonly fromMs: number;
  readonly toMs: number;
}

/** So many times its usual processor time. */
const SLOW = 3;
/** Pieces are done so often. */
export const PIECE_EVERY_MS = 4;

/** `pieces` in the order in which they were done. */
export function findStalls(pieces: readonly Piece[]): readonly Stall[] {
  if (pieces.length === 0) return [];
  const usualMs = median(pieces.map(({ cpuMs }) => cpuMs));
  const stalls: { fromMs: number; toMs: number }[] = [];
  for (const { atMs, cpuMs } of pieces) {
    if (cpuMs < SLOW * usualMs) continue;
    const last = stalls.at(-1);
    // One piece may come late, and one between two slow ones be quick.
    if (last !== undefined && atMs - last.toMs <= 3 * PIECE_EVERY_MS) last.toMs = atMs;
    else stalls.push({ fromMs: atMs - PIECE_EVERY_MS, toMs: atMs });
  }
  return stalls;
}

/** What queued up in a stall is done by then, mostly. */
const RECOVERED_MS = 100;

/** Those that neither met a stall nor came right after one. */
export function apartFrom(stalls: readonly Stall[], answers: readonly Answer[]): readonly Answer[] {
  return answers.filter(
    ({ dueMs, endedMs }) =>
      !stalls.some(({ fromMs, toMs }) => dueMs < toMs + RECOVERED_MS && endedMs > fromMs),
  );
}

/** Between two moments. */
export function describeStalls(stalls: readonly Stall[], overMs: number): string {
  const lengths = stalls.map(({ fromMs, toMs }) => toMs - fromMs);
  const sumMs = lengths.reduce((sum, each) => sum + each, 0);
  const share = ((sumMs / overMs) * 100).toFixed(1);
  return `stalls of the machine: ${stalls.length}, ${share} % of the time, the longest ${Math.max(0, ...lengths).toFixed(0)} ms`;
}
