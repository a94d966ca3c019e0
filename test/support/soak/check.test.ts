// Each fault that the checker is for, planted into a history and a record that are right.
import { describe, expect, it } from 'vitest';
import { findFaults, type RecordedWorkspace } from './check.ts';
import type { Entry } from './history.ts';

const asked = (call: number, name: string, more: object = {}): Entry => ({
  ...{ kind: 'claim', call, owner: 'ann', name, key: name },
  ...more,
});
const given = (call: number, workspace: string, more: object = {}): Entry => ({
  ...{ kind: 'given', call, workspace, owner: 'ann', epoch: 1, claimed: true },
  ...more,
});
const refused = (call: number): Entry => ({ kind: 'refused', call, code: 'POOL_EMPTY' });
const lost = (call: number): Entry => ({ kind: 'lost', call, why: 'reset' });

const handedOver = { owner: 'ann', epoch: 1, at: 100 };
const held = (
  id: string,
  name: string,
  more: Partial<RecordedWorkspace> = {},
): RecordedWorkspace => ({
  ...{ id, name, owner: 'ann', epoch: 1, origin: 'prebuild', isDeleted: false, isMember: false },
  ...{ handedOver: [handedOver], poolBuiltAt: 50 },
  ...more,
});
const ready = (id: string, more: Partial<RecordedWorkspace> = {}): RecordedWorkspace =>
  held(id, `prebuild-${id}`, {
    ...{ owner: null, epoch: 0, isMember: true, handedOver: [] },
    ...more,
  });

const deleted = (call: number, workspace: string): readonly Entry[] => [
  { kind: 'delete', call, workspace },
  { kind: 'done', call },
];
const rush = (ready: number): Entry => ({ kind: 'rush', ready });

const HISTORY = [asked(1, 'a'), given(1, 'w1')];
const RECORD = [held('w1', 'a'), ready('w2')];

describe('what people were told and what is recorded', () => {
  it('may both be true', () => {
    expect(findFaults(HISTORY, RECORD)).toEqual([]);
  });

  it.each<[what: string, history: readonly Entry[], record: readonly RecordedWorkspace[]]>([
    [
      'the same answer twice, after one was lost',
      [asked(1, 'a'), lost(1), asked(2, 'a'), given(2, 'w1'), asked(3, 'a'), given(3, 'w1')],
      RECORD,
    ],
    [
      'a lost request without a key that was served',
      [asked(1, 'a', { key: null }), lost(1)],
      RECORD,
    ],
    ['a call that nobody lived to hear the answer of', [asked(1, 'a')], RECORD],
    [
      'a refusal after a lost call, which came later',
      [...[asked(1, 'a'), lost(1), asked(2, 'a'), refused(2)]],
      RECORD,
    ],
    [
      'a workspace that was given back',
      [...HISTORY, ...deleted(2, 'w1')],
      [held('w1', 'a', { isDeleted: true })],
    ],
    [
      'one whose delete nobody heard the answer of',
      [...HISTORY, { kind: 'delete', call: 2, workspace: 'w1' }],
      RECORD,
    ],
    [
      'a refusal once everything that was ready is given',
      [
        asked(1, 'b'),
        refused(1),
        rush(1),
        asked(2, 'a'),
        asked(3, 'c'),
        refused(3),
        given(2, 'w1'),
      ],
      RECORD,
    ],
    [
      'one that was built for who asked',
      [asked(1, 'a'), given(1, 'w1', { claimed: false, epoch: 0 })],
      [held('w1', 'a', { origin: 'user', epoch: 0, handedOver: [], poolBuiltAt: null })],
    ],
    [
      'a prebuild that its pool deletes',
      HISTORY,
      [
        ...[...RECORD, ready('w3', { isDeleted: true })],
        ready('w4', { isDeleted: true, isMember: false }),
      ],
    ],
  ])('may hold %s', (_, history, record) => {
    expect(findFaults(history, record)).toEqual([]);
  });
});

describe('a fault is', () => {
  it.each<
    [
      what: string,
      history: readonly Entry[],
      record: readonly RecordedWorkspace[],
      found: readonly RegExp[],
    ]
  >([
    [
      'one workspace for two requests',
      [...HISTORY, asked(2, 'b', { owner: 'bob' }), given(2, 'w1', { owner: 'bob' })],
      RECORD,
      [/given to ann\/a and to bob\/b/, /bob\/b was told of workspace w1 .*; it is ann\/a/],
    ],
    [
      'two workspaces for one key',
      [...HISTORY, asked(2, 'a'), given(2, 'w3')],
      [...RECORD, held('w3', 'a')],
      [/key a of ann\/a was given w1 and w3/],
    ],
    [
      'an answered claim that is lost',
      HISTORY,
      [ready('w2')],
      [/told of workspace w1, which is lost/],
    ],
    [
      'an answered claim that was taken back',
      HISTORY,
      [ready('w1')],
      [/in epoch 1 as ann's; it is the pool\/prebuild-w1 in epoch 0/],
    ],
    [
      'another owner in the same epoch',
      HISTORY,
      [held('w1', 'a', { owner: 'bob', handedOver: [{ ...handedOver, owner: 'bob' }] })],
      [/as ann's; it is bob\/a/, /bob\/a, who never asked/],
    ],
    [
      'a hand-over that nothing records',
      HISTORY,
      [held('w1', 'a', { handedOver: [] })],
      [/whose hand-over is not recorded/, /prebuild w1 of ann\/a is not handed over/],
    ],
    [
      'two hand-overs of one workspace',
      HISTORY,
      [held('w1', 'a', { handedOver: [handedOver, { ...handedOver, epoch: 2 }] })],
      [/w1 was handed over 2 times/],
    ],
    [
      'what the pool builds of a claimed one',
      HISTORY,
      [held('w1', 'a', { poolBuiltAt: 100 })],
      [/w1 was built by its pool after ann had it/],
    ],
    [
      'a claimed one that its pool still counts',
      HISTORY,
      [held('w1', 'a', { isMember: true })],
      [/prebuild w1 of ann\/a is handed over, a member of its pool/],
    ],
    [
      'a prebuild that nobody counts any more',
      HISTORY,
      [...RECORD, ready('w3', { isMember: false })],
      [/prebuild w3 .* is not handed over, no member of its pool and not deleted/],
    ],
    [
      'a delete that nobody asked for',
      HISTORY,
      [held('w1', 'a', { isDeleted: true })],
      [/w1 of ann\/a is deleted, which nobody asked for/],
    ],
    [
      'an answered delete that is lost',
      [...HISTORY, ...deleted(2, 'w1')],
      RECORD,
      [/w1 of ann\/a is not deleted, which was told to have begun/],
    ],
    [
      'a refusal while another is ready',
      [rush(2), ...HISTORY, asked(2, 'b'), refused(2)],
      RECORD,
      [/2 asked a pool with 2 ready at once: 1 were served, not 2/],
    ],
    [
      'one that is built while others are ready',
      [rush(1), asked(1, 'a'), given(1, 'w1', { claimed: false, epoch: 0 })],
      [
        ready('w2'),
        held('w1', 'a', { origin: 'user', epoch: 0, handedOver: [], poolBuiltAt: null }),
      ],
      [/1 asked a pool with 1 ready at once: 0 were served, not 1/],
    ],
    [
      'a workspace for who was refused one',
      [asked(1, 'a'), refused(1)],
      RECORD,
      [/w1 is ann\/a, who was refused it/],
    ],
    ['a workspace for who never asked', [], RECORD, [/w1 is ann\/a, who never asked for it/]],
  ])('%s', (_, history, record, found) => {
    const faults = findFaults(history, record);
    expect(faults).toHaveLength(found.length);
    for (const [n, text] of found.entries()) expect(faults[n]).toMatch(text);
  });
});
