import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkParameters,
  completeParameters,
  parametersInvalid,
  type ParameterDeclaration,
} from './check.ts';
import { canonicalValue } from './value.ts';

const declarations: readonly ParameterDeclaration[] = [
  { name: 'region', type: 'string', default: 'eu', options: ['eu', 'us'], sensitive: false },
  { name: 'cpus', type: 'number', default: null, options: ['2', '4.0', '8'], sensitive: false },
  { name: 'gpu', type: 'bool', default: 'false', options: [], sensitive: false },
  { name: 'motd', type: 'string', default: '', options: [], sensitive: false },
];

describe('completing parameters', () => {
  it('fills in defaults, in the order of the declarations and in one form', () => {
    const { values, issues } = completeParameters(declarations, { gpu: 'true', cpus: '4.00' });
    expect(issues).toEqual([]);
    expect(Object.entries(values)).toEqual([
      ['region', 'eu'],
      ['cpus', '4'],
      ['gpu', 'true'],
      ['motd', ''],
    ]);
  });

  it('gives what it gave again', () => {
    const { values } = completeParameters(declarations, { cpus: '8e0' });
    expect(completeParameters(declarations, values)).toEqual({ values, issues: [] });
  });

  it('names everything that is wrong, with the values', () => {
    const given = { region: 'mars', gpu: 'yes', colour: 'red', ['x'.repeat(300)]: '' };
    const { issues } = completeParameters(declarations, given);
    expect(issues.map(({ code, parameter }) => [code, parameter.slice(0, 10)])).toEqual([
      ['PARAMETER_OPTION_UNKNOWN', 'region'],
      ['PARAMETER_TYPE_WRONG', 'gpu'],
      ['PARAMETER_UNKNOWN', 'colour'],
      ['PARAMETER_UNKNOWN', 'xxxxxxxxxx'],
      ['PARAMETER_MISSING', 'cpus'],
    ]);
    expect(parametersInvalid(issues)).toMatchObject({
      code: 'PARAMETERS_INVALID',
      fields: { issues },
    });
    expect(
      parametersInvalid(issues.filter((issue) => issue.parameter.length < 9)).detail,
    ).toMatchInlineSnapshot(
      `"The value "mars" of parameter "region" is not one of "eu", "us". The value "yes" of parameter "gpu" is no bool: it must be true or false. The template has no parameter "colour". The parameter "cpus" (number) needs a value: it has no default."`,
    );
  });

  it('tells the first few issues of many', () => {
    const given = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`p${n}`, '']));
    const { detail } = parametersInvalid(checkParameters(declarations, given).issues);
    expect(detail).toMatch(/"p4"\. There are 35 more\.$/);
  });

  it('knows no parameter that is not declared, whatever objects have', () => {
    const given = JSON.parse('{"cpus":"2","__proto__":"x","toString":"y"}');
    const { values, issues } = completeParameters(declarations, given);
    expect(issues.map(({ parameter }) => parameter)).toEqual(['__proto__', 'toString']);
    expect(Object.keys(values)).toEqual(['region', 'cpus', 'gpu', 'motd']);
  });
});

describe('checking parameters', () => {
  it('neither fills in nor misses anything', () => {
    expect(checkParameters(declarations, {})).toEqual({ values: {}, issues: [] });
    expect(checkParameters(declarations, { cpus: '2.0' })).toEqual({
      values: { cpus: '2' },
      issues: [],
    });
  });
});

describe('the value of a parameter', () => {
  it.each([
    ['number', '4', '4'],
    ['number', '4.50', '4.5'],
    ['number', '-0', '0'],
    ['number', '1e3', '1000'],
    ['number', '9007199254740991', '9007199254740991'],
    ['bool', 'true', 'true'],
    ['bool', 'false', 'false'],
    ['string', ' any\ntext ', ' any\ntext '],
  ] as const)('of type %s: %j is %j', (type, text, expected) => {
    expect(canonicalValue(type, text)).toBe(expected);
  });

  it.each([
    ['number', ''],
    ['number', ' 4'],
    ['number', '+4'],
    ['number', '04'],
    ['number', '.5'],
    ['number', '5.'],
    ['number', '0x10'],
    ['number', '1_000'],
    ['number', '1,5'],
    ['number', '٣'],
    ['number', 'NaN'],
    ['number', 'Infinity'],
    ['number', '1e400'],
    ['number', '9007199254740993'],
    ['bool', 'TRUE'],
    ['bool', 'yes'],
    ['bool', '1'],
    ['bool', ''],
  ] as const)('of type %s is never %j', (type, text) => {
    expect(canonicalValue(type, text)).toBeUndefined();
  });

  it('has one form, which is its own', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
    fc.assert(
      fc.property(number, (text) => {
        const value = canonicalValue('number', text);
        if (value === undefined) expect(Number.isInteger(Number(text))).toBe(true);
        else
          expect([Number(value), canonicalValue('number', value)]).toEqual([
            Number(text) || 0,
            value,
          ]);
      }),
    );
  });
});
