// The table in docs/metrics.md, from the metrics there are; the text around it is written by hand.
import { METRICS } from '../src/telemetry/metric.ts';

const BEGIN = '<!-- The table comes from src/telemetry/metric.ts by `npm run gen`. -->';
const END = '<!-- End of the table. -->';

/** The page with the table as it has to be. */
export function renderMetricReference(page: string): string {
  const [before = '', rest = ''] = page.split(BEGIN);
  const [, after = ''] = rest.split(END);
  const rows = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), help];
    return `| ${cells.join(' | ')} |`;
  });
  const table = ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n');
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}
