// Tables for people. What a cell holds is made harmless here, so that no command can forget it.
import Table from 'cli-table3';
import type { Colors } from './colors.ts';
import { harmless } from './harmless.ts';

const NO_LINES = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '' },
  ...{ right: '', 'right-mid': '', middle: '  ' },
};

export interface TableContent {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What to say instead when there are no rows. */
  readonly empty: string;
}

/** Rows under bold heads, as wide as they need. */
export function renderTable(colors: Colors, { heads, rows, empty }: TableContent): string {
  if (rows.length === 0) return `${harmless(empty)}\n`;
  const table = new Table({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(heads.map((head) => colors.bold(head.toUpperCase())));
  for (const row of rows) table.push(row.map(harmless));
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Names and what they are, one a line. */
export function renderFacts(colors: Colors, facts: readonly (readonly [string, string])[]): string {
  const shown = facts.map(([name, value]) => [harmless(name), value] as const);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => `${colors.bold(name.padEnd(width))}  ${harmless(value)}\n`)
    .join('');
}
