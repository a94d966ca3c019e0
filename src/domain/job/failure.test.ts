import { describe, expect, it } from 'vitest';
import { isTemplateFault, JOB_FAILURES } from './failure.ts';

describe('a failure', () => {
  it.each([
    JOB_FAILURES.hung,
    JOB_FAILURES.daemonLost,
    JOB_FAILURES.noProvisioner,
    JOB_FAILURES.secretsBroken,
  ])('with %s is not the fault of the template', (code) => {
    expect(isTemplateFault(code)).toBe(false);
  });

  it.each([JOB_FAILURES.runTimeExceeded, 'exit_1'])('with %s is', (code) => {
    expect(isTemplateFault(code)).toBe(true);
  });
});
