import { describe, expect, it } from 'vitest';
import { JOB_STATUSES, TRANSITIONS } from '../job/job.ts';
import { statesOf } from '../state.ts';
import { deriveWorkspaceStatus, WORKSPACE_STATUSES } from './status.ts';

describe('the status of a workspace', () => {
  it('follows from its latest build and that one’s job', () => {
    const table = statesOf(TRANSITIONS).map((transition) =>
      statesOf(JOB_STATUSES).map((job) => deriveWorkspaceStatus(transition, job)),
    );
    expect(table).toEqual([
      ['pending', 'starting', 'canceling', 'running', 'failed', 'canceled'],
      ['pending', 'stopping', 'canceling', 'stopped', 'failed', 'canceled'],
      ['pending', 'deleting', 'canceling', 'deleted', 'failed', 'canceled'],
    ]);
    expect(new Set(table.flat())).toEqual(new Set(statesOf(WORKSPACE_STATUSES)));
  });
});
