// Which paths an archive may hold: relative ones that mean the same on every machine and that
// cannot lead out of the folder they are unpacked into.
import { archiveInvalid, archiveTooLarge, type ArchiveReason } from './fault.ts';
import type { ArchiveLimits } from './limits.ts';
import { decodeStrictly } from './text.ts';

// Control characters, line separators, and the marks that make a name read backwards.
const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/**
 * The path of a file or folder, without the `./` that `tar -C folder .` puts before every path and
 * without the slash after a folder's; '' is the root itself. Throws for every other way to write it.
 */
export function parseEntryPath(raw: Buffer, limits: ArchiveLimits): string {
  const text = decodeStrictly(raw);
  if (text === undefined) {
    throw refuse('path_encoding', 'has a path that is not UTF-8', raw.toString('latin1'));
  }
  if (text === '.' || text === './') return '';
  if (text.startsWith('/')) throw refuse('path_absolute', 'is an absolute path', text);
  const path = text.replace(/^\.\//, '').replace(/\/$/, '');
  assertEntryPath(path, limits);
  return path;
}

/** Throws unless `path` is one that an archive may hold, in the form in which it holds it. */
export function assertEntryPath(path: string, limits: ArchiveLimits): void {
  if (Buffer.byteLength(path) > limits.pathBytes) throw archiveTooLarge(limits, 'pathBytes', path);
  if (FORBIDDEN.test(path)) throw refuse('path_character', 'has a control character in it', path);
  if (path.includes('\\')) throw refuse('path_character', 'has a backslash in it', path);
  const segments = path.split('/');
  if (segments.includes('..')) throw refuse('path_parent', 'leads to a parent folder', path);
  if (segments.some((segment) => segment === '' || segment === '.')) {
    throw refuse('path_segment', 'has an empty or "." segment', path);
  }
  if (segments.length > limits.depth) throw archiveTooLarge(limits, 'depth', path);
}

function refuse(reason: ArchiveReason, problem: string, path: string): Error {
  return archiveInvalid({ reason, problem, path });
}
