import { describe, expect, it } from 'vitest';
import { deriveJobStatus, type JobFacts } from './status.ts';

const facts = (...set: (keyof JobFacts)[]): JobFacts => ({
  completed: set.includes('completed'),
  failed: set.includes('failed'),
  canceled: set.includes('canceled'),
  acquired: set.includes('acquired'),
  succeeded: set.includes('succeeded'),
});

describe('the status of a job', () => {
  it.each([
    ['pending', facts()],
    ['running', facts('acquired')],
    ['canceling', facts('acquired', 'canceled')],
    ['canceling', facts('canceled')],
    ['succeeded', facts('acquired', 'completed')],
    ['succeeded', facts('acquired', 'completed', 'canceled', 'succeeded')],
    ['canceled', facts('acquired', 'completed', 'canceled')],
    ['canceled', facts('completed', 'canceled')],
    ['failed', facts('completed', 'failed')],
    ['failed', facts('acquired', 'completed', 'canceled', 'failed')],
  ])('is %s with %o', (status, given) => {
    expect(deriveJobStatus(given)).toBe(status);
  });
});
