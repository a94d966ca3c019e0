import { describe, expect, it } from 'vitest';
import { findObstacle } from './start.ts';

describe('what keeps a server from starting for a while', () => {
  it.each([
    [
      'FATAL:  lock file "postmaster.pid" already exists\nHINT:  Is another postmaster running?',
      'lock file "postmaster.pid" already exists',
    ],
    [
      'FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use\nHINT:  Terminate',
      'pre-existing shared memory block (key 1, ID 2) is still in use',
    ],
  ])('is told from its log: %j', (log, obstacle) => {
    expect(findObstacle(log)).toBe(obstacle);
  });

  it.each(['', 'FATAL:  could not write lock file "postmaster.pid": No space left on device'])(
    'is nothing that stays: %j',
    (log) => {
      expect(findObstacle(log)).toBeUndefined();
    },
  );
});
