// Replays every worked example of the decision, through the documents that people see.
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/decide.json' with { type: 'json' };
import { decidePreset } from '../../domain/pool/decide.ts';
import { planInputSchema } from './snapshot.ts';
import { viewPlan } from './view.ts';

describe('the decision, by its worked examples', () => {
  it('knows all of them', () => {
    expect(vectors.length).toBe(85);
  });

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const input = planInputSchema.parse(vector.input);
    const plan = decidePreset(input.snapshot, input.now, input);
    // Compared as text: the order of keys is part of the format.
    expect(JSON.stringify(viewPlan(plan), null, 1)).toBe(JSON.stringify(vector.expected, null, 1));
  });
});
