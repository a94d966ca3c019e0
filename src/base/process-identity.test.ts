import { describe, expect, it } from 'vitest';
import {
  formatIdentity,
  identifyProcess,
  parseIdentity,
  parseProcStat,
} from './process-identity.ts';

const tail = '1 4136 1995 0 -1 4194304 98 0 0 0 0 0 0 0 20 0 1 0 135501 3133440 358';

describe('the fields of a /proc stat line', () => {
  it('are the state, the parent, the group and the start time', () => {
    expect(parseProcStat(`4145 (cat) R ${tail}`)).toEqual({
      state: 'R',
      parent: 1,
      group: 4136,
      startTicks: '135501',
    });
  });

  it.each(['a b', 'tmux: server', ') Z 1 (', '((', ') R', 'new\nline'])(
    'are found behind the command name %j',
    (command) => {
      expect(parseProcStat(`4145 (${command}) S ${tail}`)).toEqual({
        state: 'S',
        parent: 1,
        group: 4136,
        startTicks: '135501',
      });
    },
  );

  it('are never guessed from a torn line', () => {
    expect(() => parseProcStat('4145 (cat) R 1 2')).toThrow('not a /proc/PID/stat line');
  });
});

describe('a number that cannot be a pid', () => {
  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40])(
    'names no process: %d',
    (pid) => {
      expect(identifyProcess(pid)).toBeUndefined();
    },
  );
});

describe('an identity as a word', () => {
  it.each([
    { pid: 4711, startMark: '135501', bootId: 'fc8e07d9-51b7-44d3-91fa-1b8457a50d0c' },
    { pid: 1, startMark: 'Mon Nov 23 23:16:05 2026', bootId: '' },
  ])('holds nothing that a file name cannot, and is read back: $startMark', (identity) => {
    const word = formatIdentity(identity);
    expect(word).toMatch(/^[\w.-]+$/);
    expect(parseIdentity(word)).toEqual(identity);
  });

  it.each(['', '1', '1..', '1.a', '1.a.b.c', 'x.a.b', '1.a/b.'])('is not %j', (text) => {
    expect(parseIdentity(text)).toBeUndefined();
  });
});
