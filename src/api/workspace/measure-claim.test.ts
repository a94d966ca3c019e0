import { expect, it } from 'vitest';
import { measureClaim } from './measure-claim.ts';

it.each([
  ['nothing of its own', {}, true],
  ['an agent that checks it', { agents: [{ kind: 'check' }] }, true],
  ['a build that is under way', { usable: false }, false],
  ['a build that hands it over and has ended', { latest_build: { stage: 'claim' } }, false],
  ['an agent that has taken its owner over', { agents: [{ kind: 'program' }] }, false],
] as const)('a claim of a workspace with %s is ready with the answer: %s', (_, of, isReady) => {
  const measured: string[] = [];
  const meter = { observe: (duration: string) => void measured.push(duration) };
  const latest = { usable: true, agents: [], latest_build: { stage: 'create' } } as const;
  measureClaim({ meter }, 5, { ...latest, ...of });
  expect(measured).toEqual(['claim_duration', ...(isReady ? ['claim_to_ready'] : [])]);
});
