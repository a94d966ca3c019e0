// The lists in docs/doctor.md, from the checks there are; the text around them is written by hand.
import { INVARIANTS } from '../src/store/doctor/all.ts';
import type { Check } from '../src/store/doctor/check.ts';
import { SYMPTOMS } from '../src/store/doctor/symptom.ts';

const BEGIN = '<!-- What follows comes from src/store/doctor by `npm run gen`. -->';

/** The page with the lists as they have to be, at its end. */
export function renderCheckReference(page: string): string {
  const [before = ''] = page.split(BEGIN);
  const parts = [
    BEGIN,
    '## What is always wrong',
    ...INVARIANTS.map(describe),
    '## What should not last',
    ...SYMPTOMS.map(describe),
  ];
  return `${before}${parts.join('\n\n')}\n`;
}

function describe({ id, title, remedy }: Check): string {
  return `### ${id}\n\nFound when ${title}.\n\n${remedy}`;
}
