// A preset's schedules: entries as a template states them, read together.
import { parseCron, type Cron } from './cron.ts';
import { overlaps } from './overlap.ts';

export interface ScheduleEntry {
  /** Five fields, read as a set of minutes: see cron.ts. */
  readonly cron: string;
  /** The count desired while the entry is in force. */
  readonly instances: number;
}

/** An entry that parses. */
export interface ParsedEntry extends ScheduleEntry {
  /** Its place in the list. */
  readonly index: number;
  readonly parsed: Cron;
}

export interface InvalidEntry extends ScheduleEntry {
  readonly index: number;
  readonly problem: string;
}

export interface ParsedSchedules {
  readonly valid: readonly ParsedEntry[];
  readonly invalid: readonly InvalidEntry[];
}

/** Parses every entry. */
export function parseSchedules(entries: readonly ScheduleEntry[]): ParsedSchedules {
  const valid: ParsedEntry[] = [];
  const invalid: InvalidEntry[] = [];
  for (const [index, entry] of entries.entries()) {
    const result = parseCron(entry.cron);
    if (result.kind === 'cron') valid.push({ ...entry, index, parsed: result.cron });
    else invalid.push({ ...entry, index, problem: result.problem });
  }
  return { valid, invalid };
}

/** Every two entries that cover a common minute, in the order of the list. */
export function findOverlaps(
  entries: readonly ParsedEntry[],
): readonly (readonly [ParsedEntry, ParsedEntry])[] {
  return entries.flatMap((a, place) =>
    entries
      .slice(place + 1)
      .filter((b) => overlaps(a.parsed, b.parsed))
      .map((b) => [a, b] as const),
  );
}
