import { describe, expect, it } from 'vitest';
import { compileSql, ifGiven } from './compile-sql.ts';

const squeeze = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

describe('a statement', () => {
  it('numbers its parameters as they first appear', () => {
    const { full } = compileSql('a.b', 'select $two::text, $one::text, $two::text');
    expect(full).toEqual({
      name: 'a.b',
      text: 'select $1::text, $2::text, $1::text',
      parameters: ['two', 'one'],
    });
  });

  it('without parts that may be left out is one text, whatever is null', () => {
    const { full, variantFor, variants } = compileSql('a.b', 'select $one::text');
    expect(variants()).toEqual([full]);
    expect(variantFor({ one: null })).toBe(full);
  });
});

describe('a part that may be left out', () => {
  const { full, variantFor, variants } = compileSql(
    'thing.list',
    `select id from things where kind = $kind
     ${ifGiven('and owner_id = $ownerId::uuid')} ${ifGiven('and $unreadOnly and read_at is null')}
     limit $limit`,
  );
  const all = { kind: 'a', ownerId: 'b', unreadOnly: true, limit: 1 };

  it('stands where its parameter is given', () => {
    expect(variantFor(all)).toBe(full);
    expect({ ...full, text: squeeze(full.text) }).toEqual({
      name: 'thing.list/3',
      text: 'select id from things where kind = $1 and owner_id = $2::uuid and $3 and read_at is null limit $4',
      parameters: ['kind', 'ownerId', 'unreadOnly', 'limit'],
    });
  });

  it('is left out, with its parameter, where that is null or false', () => {
    const neither = variantFor({ ...all, ownerId: null, unreadOnly: false });
    expect({ ...neither, text: squeeze(neither.text) }).toEqual({
      name: 'thing.list',
      text: 'select id from things where kind = $1 limit $2',
      parameters: ['kind', 'limit'],
    });
    const unread = variantFor({ ...all, ownerId: null });
    expect(unread.name).toBe('thing.list/2');
    expect(squeeze(unread.text)).toContain('kind = $1 and $2 and read_at is null limit $3');
  });

  it.each([0, ''])('stands where %j is given', (ownerId) => {
    expect(variantFor({ ...all, ownerId })).toBe(full);
  });

  it('makes as many texts as there are choices, each of its own name and made once', () => {
    const names = ['thing.list', 'thing.list/1', 'thing.list/2', 'thing.list/3'];
    expect(variants().map(({ name }) => name)).toEqual(names);
    expect(new Set(variants().map(({ text }) => text)).size).toBe(4);
    expect(variants()[1]).toBe(variantFor({ ...all, unreadOnly: false }));
  });

  it('is left out where one of two is null', () => {
    const { variantFor: choose } = compileSql('a.b', `select ${ifGiven('$from + $to +')} 1`);
    expect(choose({ from: 1, to: null }).parameters).toEqual([]);
    expect(choose({ from: 1, to: 2 }).parameters).toEqual(['from', 'to']);
  });

  it('is refused where nothing tells whether it is', () => {
    expect(() => ifGiven('and name = $$standby$$')).toThrowErrorMatchingInlineSnapshot(
      `[Error: a part that may be left out names no parameter to tell by: and name = $$standby$$]`,
    );
  });

  it('is refused within another one', () => {
    expect(() => ifGiven(`and a = $a ${ifGiven('and b = $b')}`)).toThrowErrorMatchingInlineSnapshot(
      `[Error: a part that may be left out has one in it: and a = $a and b = $b]`,
    );
  });
});

describe('a statement is refused', () => {
  it('that may be asked in more ways than a connection should keep', () => {
    const parts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) =>
      ifGiven(`and ${name} = $${name}`),
    );
    expect(() => compileSql('a.b', parts.join('\n'))).toThrowErrorMatchingInlineSnapshot(
      `[Error: a.b: 7 parts may be left out, at most 6 expected]`,
    );
  });

  it('whose name PostgreSQL would cut', () => {
    const name = `thing.${'x'.repeat(56)}`;
    expect(compileSql(name, 'select 1').full.name).toBe(name);
    expect(() =>
      compileSql(name, `select ${ifGiven('$a::text')}`),
    ).toThrowErrorMatchingInlineSnapshot(
      `[Error: thing.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/1: a statement's name has at most 63 characters]`,
    );
  });
});
