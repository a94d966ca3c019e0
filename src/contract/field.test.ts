import { expect, it } from 'vitest';
import { idField } from './field.ts';

it('takes an id in capitals for the same one', () => {
  const id = '01a215eb-9b7c-7b09-898c-5346f097ea01';
  expect(idField.parse(id.toUpperCase())).toBe(id);
});
