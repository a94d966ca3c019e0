// Which command an argument list means. Global options may stand before the words. A command may be
// a group of others as well (`provisioner`, `provisioner list`): then it takes no arguments, so that a
// further word is always meant as one of theirs.
import { AppError } from '../base/app-error.ts';
import { findSimilar } from '../base/similar.ts';

export type Invocation =
  | { readonly kind: 'version' }
  /** Help for the program ('') or for a group of commands ('template'). */
  | { readonly kind: 'help'; readonly group: string }
  | { readonly kind: 'command'; readonly name: string; readonly argv: readonly string[] };

const VALUE_OPTIONS = new Set(['--url', '--token']);
const LONE_OPTIONS = new Set(['--json']);

/** Throws USAGE for words that name no command. */
export function findInvocation(names: readonly string[], argv: readonly string[]): Invocation {
  if (argv[0] === 'help') return findInvocation(names, [...argv.slice(1), '--help']);
  const outer: string[] = [];
  let path = '';
  for (let at = 0; at < argv.length; at += 1) {
    const token = argv[at] ?? '';
    if (token === '--help' || token === '-h') return { kind: 'help', group: path };
    if ((token === '--version' || token === '-V') && path === '') return { kind: 'version' };
    if (token.startsWith('-')) {
      const width = widthOf(token, path);
      if (at + width > argv.length) throw new AppError('USAGE', `option "${token}" needs a value`);
      outer.push(...argv.slice(at, at + width));
      at += width - 1;
      continue;
    }
    path = extend(names, path, token);
    if (names.includes(path) && !goesOn(names, path, argv.slice(at + 1))) {
      return { kind: 'command', name: path, argv: [...outer, ...argv.slice(at + 1)] };
    }
  }
  if (path === '') return { kind: 'help', group: '' };
  throw new AppError('USAGE', {
    detail: `"standby ${path}" needs a further word: ${nextWords(names, path).join(', ')}`,
    hint: `See \`standby ${path} --help\`.`,
  });
}

/** Whether a command is meant as a group: a further word follows, behind global options at most. */
function goesOn(names: readonly string[], path: string, rest: readonly string[]): boolean {
  if (nextWords(names, path).length === 0) return false;
  let at = 0;
  while (at < rest.length) {
    const width = globalWidth(rest[at] ?? '');
    if (width === undefined) break;
    at += width;
  }
  const next = rest[at];
  return next !== undefined && !next.startsWith('-');
}

/** The words that may follow `path` ('' at the beginning), each once, in the table's order. */
export function nextWords(names: readonly string[], path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path} `;
  const inside = names.filter((name) => name.startsWith(prefix));
  return [...new Set(inside.map((name) => name.slice(prefix.length).split(' ')[0] ?? ''))];
}

function widthOf(token: string, path: string): number {
  const width = globalWidth(token);
  if (width !== undefined) return width;
  const name = token.split('=')[0] ?? '';
  const place = path === '' ? 'before a command' : `before a word of "standby ${path}"`;
  throw new AppError('USAGE', `unknown option "${name}" ${place}`);
}

/** How many tokens a global option takes; undefined for any other token. */
function globalWidth(token: string): number | undefined {
  if (VALUE_OPTIONS.has(token)) return 2;
  const name = token.split('=')[0] ?? '';
  const isGlobal = LONE_OPTIONS.has(token) || (token !== name && VALUE_OPTIONS.has(name));
  return isGlobal ? 1 : undefined;
}

function extend(names: readonly string[], path: string, word: string): string {
  const words = nextWords(names, path);
  const extended = path === '' ? word : `${path} ${word}`;
  if (words.includes(word)) return extended;
  const similar = findSimilar(word, words);
  const seeHelp = `See \`standby ${path === '' ? '' : `${path} `}--help\`.`;
  throw new AppError('USAGE', {
    detail: `unknown command "standby ${extended}"`,
    hint: similar === undefined ? seeHelp : `Did you mean "${similar}"? ${seeHelp}`,
  });
}
