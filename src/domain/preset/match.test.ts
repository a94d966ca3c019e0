import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/rules.json' with { type: 'json' };
import { matchPreset, type MatchablePreset } from './match.ts';

const preset = (name: string, parameters: Record<string, string>): MatchablePreset => ({
  name,
  parameters,
});

describe('matching a preset', () => {
  it.each(vectors.match_preset.map((vector, index) => [index, vector] as const))(
    'follows worked example %i',
    (_, vector) => {
      const presets = vector.presets.map(({ id, parameters }) =>
        // The examples are typed by all of them together: absent keys as undefined.
        preset(id, JSON.parse(JSON.stringify(parameters))),
      );
      const given = JSON.parse(JSON.stringify(vector.parameters));
      expect(matchPreset(presets, given)?.name ?? null).toBe(vector.match);
    },
  );

  it('prefers most pairs, then the first name, then one without parameters', () => {
    const presets = [
      preset('any', {}),
      preset('b', { region: 'eu' }),
      preset('large', { region: 'eu', size: 'l' }),
      preset('a', { size: 's' }),
    ];
    const match = (given: Record<string, string>) => matchPreset(presets, given)?.name;
    expect(match({ region: 'eu', size: 'l' })).toBe('large');
    expect(match({ region: 'eu', size: 's' })).toBe('a');
    expect(match({ region: 'eu', size: 'm' })).toBe('b');
    expect(match({ region: 'us' })).toBe('any');
    expect(match({})).toBe('any');
  });

  it('finds nothing where nothing fits', () => {
    const presets = [preset('p', { region: 'eu' })];
    expect(matchPreset(presets, {})).toBeUndefined();
    expect(matchPreset(presets.slice(1), {})).toBeUndefined();
  });

  it('is not fooled by names that every object has', () => {
    const odd = preset('odd', { toString: 'x', constructor: 'y' });
    expect(matchPreset([odd], {})).toBeUndefined();
    expect(matchPreset([odd], { toString: 'x', constructor: 'y' })?.name).toBe('odd');
  });

  it('does not depend on the order of presets or of pairs', () => {
    const parameters = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'), {
      maxKeys: 3,
    });
    const presets = fc.uniqueArray(fc.record({ name: fc.string({ maxLength: 3 }), parameters }), {
      selector: (each) => each.name,
      maxLength: 5,
    });
    fc.assert(
      fc.property(presets, parameters, (list, given) => {
        const turned = list.map((each) => ({
          ...each,
          parameters: Object.fromEntries(Object.entries(each.parameters).reverse()),
        }));
        expect(matchPreset(turned.reverse(), given)?.name).toBe(matchPreset(list, given)?.name);
      }),
    );
  });
});
