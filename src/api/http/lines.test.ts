import { describe, expect, it } from 'vitest';
import { renderLines } from './lines.ts';

describe('an answer in lines', () => {
  it('names every value by its place and leaves out what is null', () => {
    const body = { epoch: 1, owner: { id: 'x', name: '' }, session: null, files: [{ path: 'a' }] };
    expect(renderLines(body)).toBe('epoch 1\nowner.id x\nowner.name \nfiles.0.path a\nend\n');
  });

  it('escapes what a shell would take for its own', () => {
    expect(renderLines({ a: ' b\\n\n$`\'"ü ' })).toBe(
      'a \\0040b\\0134n\\0012$`\'"\\0303\\0274\\0040\nend\n',
    );
  });

  it('gives bytes as they are', () => {
    const content = { base64: Buffer.from([0, 255, 65]).toString('base64') };
    expect(renderLines({ content })).toBe('content \\0000\\0377A\nend\n');
  });
});
