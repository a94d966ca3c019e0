// Extended headers: records that override fields of the entry that follows. Only the path and the
// size matter here. What would change the kind or the contents of an entry is refused, and so is
// what we do not know, because it might.
import { excerpt } from '../base/excerpt.ts';
import { archiveInvalid } from './fault.ts';
import { decodeStrictly } from './text.ts';

export interface PaxOverrides {
  readonly path?: Buffer;
  readonly size?: number;
}

/** Times, owners, attributes and remarks of GNU tar, bsdtar and git: read by nobody. */
const IGNORED_KEYS = new Set([
  'atime',
  'charset',
  'comment',
  'ctime',
  'gid',
  'gname',
  'hdrcharset',
  'mtime',
  'uid',
  'uname',
  'RHT.security.selinux',
  'SCHILY.dev',
  'SCHILY.fflags',
  'SCHILY.ino',
  'SCHILY.nlink',
]);
const IGNORED_PREFIXES = ['LIBARCHIVE.', 'SCHILY.acl.', 'SCHILY.xattr.'];

/** Reads `length key=value\n` records; `scope` says for which entries they are meant. */
export function parsePaxHeader(body: Buffer, scope: 'entry' | 'global'): PaxOverrides {
  const overrides: { path?: Buffer; size?: number } = {};
  for (let rest = body; rest.length > 0;) {
    const { key, value, length } = parseRecord(rest);
    rest = rest.subarray(length);
    if (isIgnored(key)) continue;
    if (scope === 'global' || (key !== 'path' && key !== 'size')) throw unsupported(key);
    if (overrides[key] !== undefined || value.length === 0) throw corrupt();
    if (key === 'path') overrides.path = value;
    else overrides.size = parseDecimal(value);
  }
  return overrides;
}

interface PaxRecord {
  readonly key: string;
  readonly value: Buffer;
  readonly length: number;
}

function parseRecord(bytes: Buffer): PaxRecord {
  const space = bytes.indexOf(' ');
  // Nine digits are more than any header may be long.
  if (space < 1 || space > 9) throw corrupt();
  const length = parseDecimal(bytes.subarray(0, space));
  const equals = bytes.indexOf('=', space);
  if (length > bytes.length || equals === -1 || equals >= length || bytes[length - 1] !== 0x0a) {
    throw corrupt();
  }
  const key = decodeStrictly(bytes.subarray(space + 1, equals));
  if (key === undefined || key === '') throw corrupt();
  return { key, value: bytes.subarray(equals + 1, length - 1), length };
}

function parseDecimal(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  if (!/^[0-9]{1,15}$/.test(text)) throw corrupt();
  return Number(text);
}

function isIgnored(key: string): boolean {
  return IGNORED_KEYS.has(key) || IGNORED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

function unsupported(key: string): Error {
  if (key === 'linkpath') {
    return archiveInvalid({ reason: 'symbolic_link', problem: 'holds a link' });
  }
  if (key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize') {
    return archiveInvalid({ reason: 'sparse_file', problem: 'holds a sparse file' });
  }
  return archiveInvalid({
    reason: 'unsupported_extension',
    problem: `has an extended header with the key ${excerpt(key)}, which is not supported`,
  });
}

function corrupt(): Error {
  return archiveInvalid({
    reason: 'header_corrupt',
    problem: 'has an extended header that cannot be read',
  });
}
