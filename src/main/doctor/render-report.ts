// A doctor's report for people: facts, then each finding with what it is about and what to do.
import type { Colors } from '../../cli/show/colors.ts';
import { harmless } from '../../cli/show/harmless.ts';
import { renderFacts } from '../../cli/show/table.ts';
import type { DoctorReport } from './report.ts';

export function renderReport(
  { findings, unfinished, facts }: DoctorReport,
  colors: Colors,
): string {
  const shown = Object.entries(facts).map(([name, value]) => {
    return [name.replaceAll('_', ' '), String(value)] as const;
  });
  const parts = [
    ...(shown.length === 0 ? [] : [renderFacts(colors, shown)]),
    ...findings.map(({ id, title, remedy, total, subjects }) => {
      const more = total > subjects.length ? `  … and ${total - subjects.length} more\n` : '';
      const lines = subjects.map((subject) => `  ${harmless(subject)}\n`).join('');
      return `${colors.bold(`${id}: ${title}`)}\n${lines}${more}  → ${harmless(remedy)}\n`;
    }),
    ...(unfinished.length === 0 ? [] : [`Not looked at: ${unfinished.join(', ')}\n`]),
    findings.length === 0 ? 'Nothing is wrong.\n' : `${findings.length} found.\n`,
  ];
  return parts.join('\n');
}
