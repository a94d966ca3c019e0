import { describe, expect, it } from 'vitest';
import { readHcl } from './read-hcl.ts';

describe('a file of HCL', () => {
  it('is read as attributes and blocks, with the line of each', () => {
    const text = `# heading
variable "size" { default = 1 } // one line
/* a
   comment } */
resource "x" name {
  a = [1, # { not a block
    2]
  nested {
    b = { c = "}" }
  }
}`;
    const { attributes, blocks } = readHcl(text);
    expect(attributes).toEqual([]);
    expect(
      blocks.map(({ type, labels, line, lastLine }) => [type, labels, line, lastLine]),
    ).toEqual([
      ['variable', ['size'], 2, 2],
      ['resource', ['x', 'name'], 5, 11],
    ]);
    expect(blocks[0]?.body.attributes).toEqual([{ name: 'default', line: 2, text: '1' }]);
    expect(blocks[1]?.body.blocks[0]?.body.attributes).toEqual([
      { name: 'b', line: 9, text: '{ c = "}" }' },
    ]);
  });

  it.each([
    ['a comment behind it', 'true # {'],
    ['a quoted brace', String.raw`"} \" }"`],
    ['a template with quotes in it', `"a \${f("}", { b = "\${c}" })} }"`],
    ['a template that is none', '"$${ %%{"'],
    ['a directive', '"%{ if a }x%{ else }y%{ endif }"'],
    ['lines in brackets', 'f(\n  1,\n  [2]\n)'],
    ['a heredoc', `<<EOT\n variable "no" {\n \${ {a = "}"}["a"] }\nEOT`],
    ['an indented heredoc', '<<-EOT\n  }\n  not EOT\n  EOT'],
    ['a heredoc within brackets', '[<<EOT\n}\nEOT\n, 1]'],
    ['a condition', 'a ? b : c / d'],
  ])('has expressions that end where they end: %s', (_what, expression) => {
    const { attributes, blocks } = readHcl(`before = 1\nx = ${expression}\nvariable "after" {}\n`);
    expect(attributes.map(({ name }) => name)).toEqual(['before', 'x']);
    expect(attributes[1]?.text).toBe(expression.replace(/ #.*$/, ''));
    expect(blocks.map(({ labels }) => labels)).toEqual([['after']]);
  });

  it('may begin with a byte order mark and have the line ends of Windows', () => {
    const { blocks } = readHcl('\u{FEFF}variable "a" {\r\n  default = <<X\r\n}\r\nX\r\n}\r\n');
    expect(blocks[0]?.body.attributes.map(({ name }) => name)).toEqual(['default']);
  });

  it.each([
    ['variable "a" {\n', 'line 2: expected }'],
    ['a = 1\n}\n', 'line 2: expected a name'],
    ['a = "x\n', 'line 2: expected the end of a quoted text'],
    ['a = <<X\ny\n', 'line 3: expected X, the end of the text'],
    ['a "b"\n', 'line 1: expected {'],
    ['1 = 2', 'line 1: expected a name'],
  ])('that is none is refused with the line: %j', (text, message) => {
    expect(() => readHcl(text)).toThrow(message);
  });

  it.each([
    ['blocks', 'a = 1\nb {\n', 'line 202: expected at most 100 blocks or templates'],
    ['templates', 'a = "${', 'line 1: expected at most 100 blocks or templates'],
  ])('that nobody would write is refused: %s within each other', (_what, text, message) => {
    expect(() => readHcl(text.repeat(20_000))).toThrow(message);
  });
});
