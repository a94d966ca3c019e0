// Where JSON ends to be JSON, against the parser that decides.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeJsonFault } from './json-fault.ts';

describe('the place of a fault in JSON', () => {
  it.each([
    ['{"username":', 'line 1, column 13: expected a value, and the body ends'],
    ['{"username":"a"} {}', 'line 1, column 18: expected nothing more'],
    ['{"username":NaN}', 'line 1, column 13: expected a value'],
    ['{"a": 1,\n "b": 01}', 'line 2, column 7: expected a value'],
    ['{"a": 1,\n}', 'line 2, column 1: expected a key in double quotes'],
    ["{'a': 1}", 'line 1, column 2: expected a key in double quotes or "}"'],
    ['{"a" 1}', 'line 1, column 6: expected ":"'],
    ['{"a": 1 "b": 2}', 'line 1, column 9: expected "," or "}"'],
    ['[1 2]', 'line 1, column 4: expected "," or "]"'],
    ['[1,]', 'line 1, column 4: expected a value'],
    ['[}', 'line 1, column 2: expected a value or "]"'],
    ['[1, 1.]', 'line 1, column 5: expected a value'],
    [`${'['.repeat(6)}x`, 'line 1, column 6: more than 5 levels deep'],
    ['tru', 'line 1, column 1: expected a value'],
    [
      '{"a": "canary',
      'line 1, column 7: the text that begins here has no end, or needs a backslash in it',
    ],
    [
      '{"a": "can\nary"}',
      'line 1, column 7: the text that begins here has no end, or needs a backslash in it',
    ],
  ])('%j: %s', (text, fault) => {
    expect(describeJsonFault(text, 5)).toBe(fault);
  });

  it('is there exactly when the parser finds one, whatever was cut off, put in or changed', () => {
    const damaged = fc
      .tuple(fc.json(), fc.nat(), fc.nat(3), fc.string({ unit: 'grapheme', maxLength: 3 }))
      .map(([json, at, cut, put]) => {
        const from = at % (json.length + 1);
        return json.slice(0, from) + put + json.slice(from + cut);
      });
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.json(), damaged), (text) => {
        expect(describeJsonFault(text, 1_000) === undefined).toBe(isJson(text));
      }),
      { numRuns: 2_000 },
    );
  });
});
