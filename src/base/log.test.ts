import { describe, expect, it } from 'vitest';
import { describeError } from './log.ts';

describe('an error in the log', () => {
  it('has its causes, and nothing that a library hung on it', () => {
    const cause = Object.assign(new Error('refused'), {
      code: 'ECONNREFUSED',
      client: { password: 'hunter2' },
    });
    const error = new TypeError('could not ask', { cause });
    expect(describeError(error)).toEqual({
      type: 'TypeError',
      message: 'could not ask',
      stack: error.stack,
      cause: { type: 'Error', code: 'ECONNREFUSED', message: 'refused', stack: cause.stack },
    });
  });

  it('that is no error is told as it is', () => {
    expect(describeError('why')).toBe('why');
  });
});
