import { describe, expect, it } from 'vitest';
import { renderMetricReference } from '../../scripts/metric-reference.ts';
import { METRICS } from '../../src/telemetry/metric.ts';
import { readRepositoryFile } from '../support/source-files.ts';

const page = readRepositoryFile('docs/metrics.md');

describe('docs/metrics.md', () => {
  it('lists every metric as it is (run `npm run gen`)', () => {
    expect(page).toBe(renderMetricReference(page));
    for (const name of Object.keys(METRICS)) expect(page).toContain(`| \`${name}\` |`);
  });

  it('names no metric that does not exist', () => {
    const named = [...page.matchAll(/\bstandby_\w+/g)].map(([name]) => name);
    const known = named.filter((name) => name.replace(/_(bucket|sum|count)$/, '') in METRICS);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});
