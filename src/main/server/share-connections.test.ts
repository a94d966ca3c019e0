import { expect, it } from 'vitest';
import { shareConnections } from './share-connections.ts';

it.each([
  { total: 2, builders: 1, others: 1 },
  { total: 10, builders: 3, others: 7 },
  { total: 500, builders: 166, others: 334 },
])('$total connections are shared out', ({ total, ...shared }) => {
  expect(shareConnections(total)).toEqual(shared);
});
