import { expect, it } from 'vitest';
import { createKnownTemplates } from './known-templates.ts';

const read = {
  organizationId: null,
  enforcesQuota: false,
  templateId: null,
  deprecated: '',
  version: null,
};
const names = (n: number) => ({ organization: 'o', template: `t-${n}` });

it('forgets what was not used for longest, and keeps what is in use', () => {
  const known = createKnownTemplates();
  for (let n = 0; n < 200; n++) known.remember(names(n), read);
  known.recall(names(0));
  known.remember(names(200), read);
  expect(known.recall(names(0))).toBe(read);
  expect(known.recall(names(1))).toBeUndefined();
  expect(known.recall(names(200))).toBe(read);
});
