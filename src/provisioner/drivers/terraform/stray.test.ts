import { describe, expect, it } from 'vitest';
import { subtractState } from './stray.ts';

function state(ids: Readonly<Record<string, string | null>>): string {
  const resources = Object.entries(ids).map(([name, id]) => ({
    mode: 'managed',
    type: 't',
    name,
    provider: 'p',
    instances: [{ schema_version: 1, attributes: id === null ? { at: name } : { id } }],
  }));
  return JSON.stringify({ version: 4, serial: 3, outputs: { o: { value: 1 } }, resources });
}

describe('a stray state', () => {
  it('is only what the current one does not name, told apart by the providers own ids', () => {
    const stray = state({ same: '1', moved: '2', replaced: '3', gone: '4', nameless: null });
    const current = state({ same: '1', other: '2', replaced: '33', nameless: null });
    const left = JSON.parse(subtractState(stray, current) ?? '{}') as {
      readonly serial: number;
      readonly outputs: unknown;
      readonly resources: readonly { readonly name: string; readonly provider: string }[];
    };
    expect(left.resources.map(({ name }) => name)).toEqual(['replaced', 'gone']);
    expect(left).toMatchObject({ serial: 3, outputs: {}, resources: [{ provider: 'p' }, {}] });
  });

  it('is nothing where the current one names all of it', () => {
    expect(subtractState(state({ a: '1' }), state({ b: '1', c: '2' }))).toBeUndefined();
    expect(subtractState(state({}), undefined)).toBeUndefined();
  });

  it('is all of it where nothing else is left', () => {
    expect(subtractState(state({ a: '1' }), undefined)).toContain('"id":"1"');
  });
});
