// The structure of a file in HCL, Terraform's language: attributes and blocks, expressions as they
// are written. It reads what Terraform has found valid and judges nothing. A parser of the whole
// language (hcl2json, Go compiled for Node) takes 90 MB and 200 ms to say whether a variable has a
// default, and its JSON has no lines; a test compares this one with what terraform itself reads.

export interface Body {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
}

export interface Attribute {
  readonly name: string;
  readonly line: number;
  /** The expression as it is written. */
  readonly text: string;
}

export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly line: number;
  /** Of its closing brace. */
  readonly lastLine: number;
  readonly body: Body;
}

const SPACE = /[ \t\r]*/uy;
const BLANK = /[ \t\r\n]+/uy;
const IDENTIFIER = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
/** `<<EOT` and `<<-EOT`; the text begins on the next line. */
const HEREDOC = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;
const COMMENT = /(?:#|\/\/)[^\n]*|\/\*[^]*?\*\//uy;

/** Of blocks and of quoted templates within each other: more than anybody writes, and little for a stack. */
const MAX_DEPTH = 100;

/** Throws an Error that names the line where the text is no HCL. */
export function readHcl(text: string): Body {
  const reader = createReader(text.replace(/^\u{FEFF}/u, ''));
  const body = reader.body();
  reader.expectEnd();
  return body;
}

function createReader(text: string): { body(): Body; expectEnd(): void } {
  let at = 0;
  let open = 0;
  let counted = { at: 0, line: 1 };

  /** The line of `at`, counted on from where it was last asked for. */
  const line = (): number => {
    const breaks = text.slice(counted.at, at).split('\n').length - 1;
    counted = { at, line: counted.line + breaks };
    return counted.line;
  };
  const fail = (wanted: string): Error => new Error(`line ${line()}: expected ${wanted}`);
  const peek = (): string => text.charAt(at);
  const startsWith = (start: string): boolean => text.startsWith(start, at);

  const within = <T>(read: () => T): T => {
    if (open === MAX_DEPTH)
      throw fail(`at most ${MAX_DEPTH} blocks or templates within each other`);
    open += 1;
    const value = read();
    open -= 1;
    return value;
  };

  /** What the sticky pattern matches here, if anything; reads over it. */
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  };

  const skipBlank = (): void => {
    for (;;) if (match(BLANK) === null && match(COMMENT) === null) return;
  };

  /** From the opening quote to behind the closing one. */
  const skipQuoted = (): void => {
    at += 1;
    while (peek() !== '"') {
      if (at >= text.length) throw fail('the end of a quoted text');
      if (peek() === '\\') at += 2;
      else if (!skipTemplate()) at += 1;
    }
    at += 1;
  };

  const skipHeredoc = (marker: string): void => {
    const end = new RegExp(String.raw`[ \t]*${marker}[ \t]*(?=\r?\n|$)`, 'uy');
    while (match(end) === null) {
      while (peek() !== '\n') {
        if (at >= text.length) throw fail(`${marker}, the end of the text`);
        if (!skipTemplate()) at += 1;
      }
      at += 1;
    }
  };

  /** `${…}` or `%{…}`, whose inside is an expression again; `$${` and `%%{` stand for themselves. */
  const skipTemplate = (): boolean => {
    if (startsWith('$${') || startsWith('%%{')) {
      at += 3;
      return true;
    }
    if (!startsWith('${') && !startsWith('%{')) return false;
    at += 2;
    within(() => skipExpression('}'));
    at += 1;
    return true;
  };

  /**
   * To what ends it: the given bracket, or the end of the line or of the block around it. Gives
   * where its last character was, comments apart.
   */
  const skipExpression = (closing: '}' | 'line'): number => {
    let end = at;
    for (let depth = 0; at < text.length;) {
      const character = peek();
      if (depth === 0 && (character === '}' || (character === '\n' && closing === 'line'))) break;
      if ('#/'.includes(character) && match(COMMENT) !== null) continue;
      const heredoc = character === '<' ? match(HEREDOC) : null;
      if (heredoc !== null) skipHeredoc(heredoc[1] ?? '');
      else if (character === '"') skipQuoted();
      else {
        if ('([{'.includes(character)) depth += 1;
        if (')]}'.includes(character)) depth -= 1;
        at += 1;
      }
      if (!/\s/.test(character)) end = at;
    }
    if (closing === '}' && peek() !== '}') throw fail('}');
    return end;
  };

  const label = (): string | undefined => {
    match(SPACE);
    if (peek() !== '"') return match(IDENTIFIER)?.[0];
    const start = at;
    skipQuoted();
    return text.slice(start + 1, at - 1);
  };

  const block = (type: string, begins: number): Block => {
    const labels: string[] = [];
    for (let next = label(); next !== undefined; next = label()) labels.push(next);
    if (peek() !== '{') throw fail('{');
    at += 1;
    const inner = within(body);
    if (peek() !== '}') throw fail('}');
    at += 1;
    return { type, labels, line: begins, lastLine: line(), body: inner };
  };

  const body = (): Body => {
    const attributes: Attribute[] = [];
    const blocks: Block[] = [];
    for (;;) {
      skipBlank();
      if (at >= text.length || peek() === '}') return { attributes, blocks };
      const begins = line();
      const name = match(IDENTIFIER)?.[0];
      if (name === undefined) throw fail('a name');
      match(SPACE);
      if (peek() === '=') {
        at += 1;
        const start = at;
        attributes.push({
          name,
          line: begins,
          text: text.slice(start, skipExpression('line')).trim(),
        });
      } else blocks.push(block(name, begins));
    }
  };

  return {
    body,
    expectEnd: () => {
      if (at < text.length) throw fail('a name');
    },
  };
}
