import { describe, expect, it } from 'vitest';
import { createRedactor } from './redact.ts';

describe('a redactor', () => {
  it('blots out secrets wherever they stand, the longer ones first', () => {
    const redactor = createRedactor();
    redactor.add(['canary', 'canary-longer']);
    expect(redactor.redact('a canary-longer and canarycanary')).toBe(
      'a (secret) and (secret)(secret)',
    );
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

  it('leaves words alone that are too short to be secrets', () => {
    const redactor = createRedactor();
    redactor.add(['true', '12345', '']);
    expect(redactor.redact('true 12345')).toBe('true 12345');
  });
});
