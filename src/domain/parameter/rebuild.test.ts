import { describe, expect, it } from 'vitest';
import { rebuildParameters, type RebuiltParameter } from './rebuild.ts';

const declare = (name: string, more: Partial<RebuiltParameter> = {}): RebuiltParameter => ({
  ...{ name, type: 'string', default: '', options: [], sensitive: false, mutable: false },
  ...more,
});
const region = declare('region', { options: ['eu', 'us'], default: 'eu' });
const cpus = declare('cpus', { type: 'number', default: '2', mutable: true });

const rebuilt = (
  former: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
  declarations = [region, cpus],
): unknown => {
  const { values, issues } = rebuildParameters(declarations, { former, given });
  return issues.length > 0 ? issues.map(({ code, parameter }) => `${code} ${parameter}`) : values;
};

describe('the parameters of a later build', () => {
  it('are those that the workspace has, whatever the defaults are now', () => {
    expect(rebuilt({ region: 'us', cpus: '4' }, {})).toEqual({ region: 'us', cpus: '4' });
  });

  it('change where they may, and stay where they may not', () => {
    expect(rebuilt({ region: 'us', cpus: '4' }, { cpus: '8' })).toEqual({
      region: 'us',
      cpus: '8',
    });
    expect(rebuilt({ region: 'us' }, { region: 'eu', cpus: '8' })).toEqual([
      'PARAMETER_IMMUTABLE region',
    ]);
    // The same again is no change, however it is written.
    expect(rebuilt({ region: 'us' }, { region: 'us' })).toMatchObject({ region: 'us' });
    const size = declare('size', { type: 'number' });
    expect(rebuilt({ size: '4' }, { size: '4.0' }, [size])).toEqual({ size: '4' });
  });

  it('do not tell whether a guess at a secret is right', () => {
    const token = declare('token', { sensitive: true });
    for (const guess of ['canary', 'other'])
      expect(rebuilt({ token: 'canary' }, { token: guess }, [token])).toEqual([
        'PARAMETER_IMMUTABLE token',
      ]);
    expect(rebuilt({ token: 'canary' }, {}, [token])).toEqual({ token: 'canary' });
  });

  it('lose what the version does not declare any more, and get what is new', () => {
    expect(rebuilt({ region: 'eu', disk: 'ssd' }, {})).toEqual({ region: 'eu', cpus: '2' });
    const zone = declare('zone', { default: null });
    expect(rebuilt({ region: 'eu' }, {}, [region, zone])).toEqual(['PARAMETER_MISSING zone']);
    // Nothing was built with it yet.
    expect(rebuilt({ region: 'eu' }, { zone: 'a' }, [region, zone])).toEqual({
      region: 'eu',
      zone: 'a',
    });
  });

  it('are asked for anew where the version would not take them any more', () => {
    expect(rebuilt({ region: 'asia' }, {})).toEqual(['PARAMETER_OPTION_UNKNOWN region']);
    expect(rebuilt({ region: 'asia' }, { region: 'us' })).toMatchObject({ region: 'us' });
  });

  it('are held to the version that is built', () => {
    expect(rebuilt({}, { colour: 'red' })).toEqual(['PARAMETER_UNKNOWN colour']);
  });
});
