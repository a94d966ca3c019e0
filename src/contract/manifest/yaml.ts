// Reads a manifest's YAML: one plain document, and for each place in it the line and column. What
// is written as text stays text: a version 1.10 is not the number 1.1.
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  Parser,
  visit,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { escapeInvisible, excerpt } from '../../base/excerpt.ts';
import type { ManifestIssue, ManifestIssueCode, ManifestPath } from './issue.ts';

export interface YamlText {
  readonly value: unknown;
  /** Duplicate keys; the last value of each is in `value`. */
  readonly issues: readonly ManifestIssue[];
  /** The nearest place that exists, for a path that leads beyond. */
  locate(path: ManifestPath, at: 'key' | 'value'): Place;
}

export interface Place {
  readonly line: number;
  readonly column: number;
}

export type ReadYaml =
  | { readonly kind: 'read'; readonly yaml: YamlText }
  | { readonly kind: 'invalid'; readonly issues: readonly ManifestIssue[] };

/** Patterns of paths whose values are text however they look; `*` is any key or position. */
export type TextPatterns = readonly (readonly string[])[];

// More than any manifest uses; what they may add up to is bounded by the same number.
const MAX_ALIASES = 32;
// Four times what the schema can use. Composing is recursive, and where its stack runs out inside a
// regular expression, V8 ends the whole process: nobody could catch that.
const MAX_DEPTH = 32;
const MAX_MESSAGE = 200;

export function readYaml(text: string, textPatterns: TextPatterns): ReadYaml {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => placeIn(lines, offset);
  const tooDeep = findDepthBeyond(text, MAX_DEPTH);
  if (tooDeep !== undefined) return invalid([tooDeep]);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // Quadratic in the library; see findDuplicates.
    uniqueKeys: false,
    resolveKnownTags: false,
  });
  // A warning is a tag that nobody here gives a meaning to.
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    return invalid(
      problems.map((problem) => issue('YAML_SYNTAX', tell(problem), placeAt(problem.pos[0]))),
    );
  }
  const badAliases = checkAliases(document, placeAt);
  if (badAliases.length > 0) return invalid(badAliases);
  for (const pattern of textPatterns) keepText(document.contents, pattern);
  const value = toValue(document);
  if (value === TOO_COMPLEX) {
    const message = 'the text has aliases that multiply each other or contain themselves';
    return invalid([issue('TOO_COMPLEX', message, placeAt(0))]);
  }
  return {
    kind: 'read',
    yaml: {
      value,
      issues: findDuplicates(document, placeAt),
      locate: (path, at) => placeAt(startOf(findNode(document, path, at))),
    },
  };
}

/** The place where nesting first goes beyond, found without recursion. */
function findDepthBeyond(text: string, most: number): ManifestIssue | undefined {
  const lines = new LineCounter();
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    // It yields what is complete; of interest is only what it is in the middle of.
    const tokens = parser.next(lexeme);
    while (tokens.next().done !== true);
    if (parser.stack.length <= most) continue;
    const message = `the text is nested more than ${most} levels deep`;
    return issue('TOO_COMPLEX', message, placeIn(lines, parser.offset));
  }
  return undefined;
}

/** The library's message, without its advice to programmers and harmless on a terminal. */
function tell({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'the text holds more than one document';
  const about = code === 'TAG_RESOLVE_FAILED' ? message.replace('Unresolved', 'unknown') : message;
  return escapeInvisible(about.length > MAX_MESSAGE ? `${about.slice(0, MAX_MESSAGE)}…` : about);
}

const TOO_COMPLEX = Symbol('too complex');

function toValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // The library's word for aliases whose contents add up to more than that.
    if (error instanceof ReferenceError) return TOO_COMPLEX;
    throw error;
  }
}

function checkAliases(
  document: Document,
  placeAt: (offset: number) => Place,
): readonly ManifestIssue[] {
  let count = 0;
  const issues: ManifestIssue[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      count += 1;
      const place = placeAt(startOf(alias));
      if (count > MAX_ALIASES) {
        const message = `the text has more than ${MAX_ALIASES} aliases`;
        issues.push(issue('TOO_COMPLEX', message, place));
        return visit.BREAK;
      }
      if (alias.resolve(document) === undefined) {
        const message = `there is no anchor ${excerpt(alias.source)} before this alias`;
        issues.push(issue('YAML_SYNTAX', message, place));
      }
      return undefined;
    },
  });
  return issues;
}

function findDuplicates(
  document: Document,
  placeAt: (offset: number) => Place,
): readonly ManifestIssue[] {
  const issues: ManifestIssue[] = [];
  visit(document, {
    Map: (_key, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          const message = `the key ${excerpt(String(key.value))} is there twice`;
          issues.push(issue('DUPLICATE_KEY', message, placeAt(startOf(key))));
        }
        seen.add(key.value);
      }
    },
  });
  return issues;
}

/** Turns numbers, booleans and null at these places into the text they were written as. */
function keepText(node: unknown, pattern: readonly string[]): void {
  const [step, ...rest] = pattern;
  if (step === undefined) {
    if (isScalar(node) && typeof node.value !== 'string' && node.source !== undefined) {
      node.value = node.source;
    }
    return;
  }
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (step === '*' || (isScalar(key) && key.value === step)) keepText(value, rest);
    }
  } else if (isSeq(node) && step === '*') {
    for (const item of node.items) keepText(item, rest);
  }
}

/** The node at the path, or the last one on the way to it that exists. */
function findNode(document: Document, path: ManifestPath, at: 'key' | 'value'): Node | null {
  let found: Node | null = document.contents;
  for (const [index, part] of path.entries()) {
    const parent: Node | undefined = isAlias(found)
      ? found.resolve(document)
      : (found ?? undefined);
    if (!isCollection(parent)) break;
    const pair = isMap(parent)
      ? parent.items.findLast(({ key }) => isScalar(key) && key.value === part)
      : undefined;
    const child = isSeq(parent) ? parent.items[Number(part)] : pair?.value;
    const isLast = index === path.length - 1;
    // A value that is left empty has no place of its own.
    const node = (isLast && at === 'key') || !hasPlace(child) ? (pair?.key ?? child) : child;
    if (!isNode(node)) break;
    found = node;
  }
  return found;
}

function hasPlace(node: unknown): boolean {
  if (!isNode(node) || !node.range) return false;
  return node.range[1] > node.range[0];
}

function placeIn(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function issue(code: ManifestIssueCode, message: string, place: Place): ManifestIssue {
  return { code, message, hint: '', path: '', ...place };
}

function invalid(issues: readonly ManifestIssue[]): ReadYaml {
  return { kind: 'invalid', issues };
}
