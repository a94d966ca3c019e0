import { describe, expect, it } from 'vitest';
import { planDocument } from '../../src/cli/plan/plan-document.ts';
import { DELETE_REASONS, WITHHELD_REASONS } from '../../src/domain/pool/plan.ts';
import { DESIRED_SOURCES } from '../../src/domain/schedule/source.ts';
import { readRepositoryFile } from '../support/source-files.ts';

const page = readRepositoryFile('docs/decision.md');

describe('docs/decision.md', () => {
  it.each([
    ['delete', DELETE_REASONS],
    ['withheld', WITHHELD_REASONS],
    ['desired_source', DESIRED_SOURCES],
  ])('explains every %s reason in the words of the code', (_, table) => {
    for (const [state, when] of Object.entries(table)) {
      expect(page).toContain(`| \`${state}\` | ${when} |`);
    }
  });

  it('shows a snapshot and the plan for it', () => {
    const [snapshot = '', plan = ''] = [...page.matchAll(/```json\n(.*?)```/gs)].map(
      (match) => match[1],
    );
    expect(planDocument({ line: 1, text: snapshot })).toEqual(JSON.parse(plan));
  });
});
