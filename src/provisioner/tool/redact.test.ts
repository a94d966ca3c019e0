import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor } from './redact.ts';

describe('a redactor', () => {
  it('blots out secrets wherever they stand, those in and beside others too', () => {
    const redactor = createRedactor();
    redactor.add(['canary', 'canary-longer', 'longer-than']);
    expect(redactor.redact('a canary-longer and canarycanary')).toBe('a (secret) and (secret)');
    expect(redactor.redact('a canary-longer-than and canary')).toBe('a (secret) and (secret)');
  });

  it('knows a secret of several lines by each of them, and in quotes', () => {
    const redactor = createRedactor();
    redactor.add(['first line\nsecond "line"\nend']);
    expect(redactor.redact('first line')).toBe('(secret)');
    expect(redactor.redact('value = "first line\\nsecond \\"line\\"\\nend"')).toBe(
      'value = "(secret)"',
    );
    expect(redactor.redact('end')).toBe('end');
  });

  it('knows a secret in the forms in which tools write it', () => {
    const secret = 'p<ss&"w rd/\u00fc';
    const redactor = createRedactor();
    redactor.add([secret]);
    const header = (user: string): string => Buffer.from(`${user}:${secret}!`).toString('base64');
    const told = [
      JSON.stringify({ secret }),
      JSON.stringify({ secret }).replace('<', '\\u003c').replace('&', '\\u0026'),
      `https://u:${encodeURIComponent(secret)}@host`,
      Buffer.from(secret).toString('hex'),
      ...['u', 'us', 'usr'].map(header),
      ...['u', 'us', 'usr'].map((user) => header(user).replaceAll('+', '-').replaceAll('/', '_')),
    ];
    for (const text of told) expect(redactor.redact(text), text).toContain('(secret)');
    expect(told.map((text) => redactor.redact(text)).join(' ')).not.toMatch(/w rd|77207264|dyByZ/);
  });

  it.each([
    { secret: 'hunter!2secret', told: 'hunter%212secret' },
    { secret: 'p@ssw0rd$longer', told: 'p%40ssw0rd$longer' },
    { secret: 'pass/word/long', told: 'pass%2fword%2flong' },
    { secret: 'correct horse/battery', told: 'correct+horse%2Fbattery' },
    { secret: 'a+b/c+d', told: 'a+b%2Fc+d' },
    { secret: '{\n  "key": "abc/def"\n}\n', told: '"key": "abc/def"' },
    { secret: 'canary-value\n', told: 'canary-value' },
    { secret: 'canary-value\n', told: Buffer.from('canary-value').toString('base64') },
    { secret: 'say "it" now', told: JSON.stringify(JSON.stringify('say "it" now')).slice(3, -3) },
  ])('knows $secret in $told', ({ secret, told }) => {
    const redactor = createRedactor();
    redactor.add([secret]);
    expect(redactor.redact(`<${told}>`)).toBe('<(secret)>');
  });

  it('knows any secret, however a tool has escaped it', () => {
    const bytewise = (text: string): string =>
      [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
    const escapings: readonly ((text: string) => string)[] = [
      (text) => text,
      inJson,
      (text) => inJson(inJson(text)),
      (text) => inJson(text).replaceAll('/', '\\/'),
      (text) =>
        inJson(text).replace(
          /[<>&\u0080-\uffff]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        ),
      encodeURIComponent,
      (text) => new URLSearchParams({ '': text }).toString().slice(1),
      bytewise,
      (text) => bytewise(text).toUpperCase(),
    ];
    const secrets = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 200 });
    fc.assert(
      fc.property(secrets, fc.constantFrom(...escapings), (secret, escape) => {
        const redactor = createRedactor();
        redactor.add([secret]);
        expect(redactor.redact(`<${escape(secret)}>`)).toBe('<(secret)>');
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not led astray by what looks like an escape', () => {
    const redactor = createRedactor();
    redactor.add(['canary-value']);
    const told = '100% %zz %c0%80 %ed%a0%80 %f7%bf%bf%bf \\u12 a+b \\';
    expect(redactor.redact(`${told} canary-value ${told}`)).toBe(`${told} (secret) ${told}`);
  });

  it('leaves words alone that are too short to be secrets', () => {
    const redactor = createRedactor();
    redactor.add(['true', '12345', '']);
    expect(redactor.redact('true 12345')).toBe('true 12345');
  });
});
