import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import {
  END,
  entry,
  folder,
  gz,
  bomb,
  header,
  padded,
  pax,
  paxRecord,
  tar,
} from '../../test/support/tar-bytes.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';
import { readArchive } from './read-archive.ts';

const MIB = 1024 * 1024;

async function list(packed: Buffer, limits?: ArchiveLimits): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { path, kind, executable, size, content } of readArchive([packed], limits)) {
    let text = '';
    for await (const chunk of content) text += chunk.toString();
    lines.push(`${kind} ${path}${executable ? ' x' : ''} ${size} ${JSON.stringify(text)}`);
  }
  return lines;
}

async function refusal(packed: Buffer, limits?: ArchiveLimits): Promise<string> {
  try {
    await list(packed, limits);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { reason, limit, path } = error.fields;
    return [error.code, reason ?? limit, ...(path === undefined ? [] : [path])].join(' ');
  }
  return 'accepted';
}

const a = entry('a', 'hello');

describe('readArchive reads what common writers write', () => {
  it('yields files and folders in order, with the owner execute bit', async () => {
    const run = entry('bin/run', '#!', { mode: 0o755 });
    expect(await list(gz(folder('bin/'), run, a))).toEqual([
      'folder bin 0 ""',
      'file bin/run x 2 "#!"',
      'file a 5 "hello"',
    ]);
  });

  it('reads an empty archive, and zeros that fill up a record after the end', async () => {
    expect(await list(gz())).toEqual([]);
    expect(await list(gzipSync(Buffer.concat([a, END, Buffer.alloc(9000)])))).toHaveLength(1);
  });

  it('takes off the ./ of `tar -C folder .` and skips the folder itself', async () => {
    expect(await list(gz(folder('./'), entry('./x/y')))).toEqual(['file x/y 0 ""']);
    expect(await list(gz(folder('.'), a))).toHaveLength(1);
  });

  it('reads long names: the prefix field, an extended header, and GNU tar', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    const prefixed = header({ name: 'f', prefix: 'd/e' });
    expect(await list(gz(prefixed))).toEqual(['file d/e/f 0 ""']);
    expect(await list(gz(pax(paxRecord('path', long)), a))).toEqual([`file ${long} 5 "hello"`]);
    const gnu = pax(Buffer.from(`${long}\0`), 'L');
    expect(await list(gz(gnu, a))).toEqual([`file ${long} 5 "hello"`]);
  });

  it('does not take times of the GNU format for a prefix', async () => {
    const gnu = header({ name: 'f', magic: 'ustar  \0', prefix: '14523456701' });
    expect(await list(gz(gnu))).toEqual(['file f 0 ""']);
  });

  it('reads version 7, where a slash makes a folder', async () => {
    const magic = '\0'.repeat(8);
    const old = [
      header({ name: 'd/', type: '\0', magic }),
      entry('d/f', 'x', { type: '\0', magic }),
    ];
    expect(await list(gz(...old))).toEqual(['folder d 0 ""', 'file d/f 1 "x"']);
  });

  it('passes over times, owners and attributes, for one entry and for all', async () => {
    const body = paxRecord('mtime', '1.5') + paxRecord('LIBARCHIVE.xattr.x', 'eA==');
    expect(await list(gz(pax(paxRecord('comment', 'c0ffee'), 'g'), pax(body), a))).toHaveLength(1);
  });

  it('prefers the size of an extended header', async () => {
    const sized = Buffer.concat([
      pax(paxRecord('size', '5')),
      header({ name: 'a' }),
      padded('hello'),
    ]);
    expect(await list(gz(sized))).toEqual(['file a 5 "hello"']);
  });

  it('skips content that nobody reads', async () => {
    const paths: string[] = [];
    const packed = gz(entry('big', 'x'.repeat(200_000)), a);
    for await (const { path, content } of readArchive([packed])) {
      const first = await content[Symbol.asyncIterator]().next();
      paths.push(`${path} ${first.done === false}`);
    }
    expect(paths).toEqual(['big true', 'a true']);
  });

  it('reads a packed archive that comes in single bytes, with every gzip header field', async () => {
    const body = tar(a);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc32(body), 0);
    trailer.writeUInt32LE(body.length, 4);
    const packed = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3]),
      Buffer.from([2, 0, 9, 9]),
      Buffer.from('name\0comment\0'),
      Buffer.from([0, 0]),
      deflateRawSync(body),
      trailer,
    ]);
    const bytes = Array.from(packed, (byte) => Uint8Array.of(byte));
    const entries = [];
    for await (const { path } of readArchive(bytes)) entries.push(path);
    expect(entries).toEqual(['a']);
  });
});

describe('readArchive refuses', () => {
  const link = (type: string): Buffer => header({ name: 'a', type, linkname: '/etc/passwd' });
  const long = 'n'.repeat(256);
  const withByte = (byte: number): Buffer =>
    header({ name: Buffer.from([0x61, byte, 0x62, byte === 0x80 ? 0x80 : 0x63]) });

  it.each<readonly [string, Buffer, string]>([
    ['a symbolic link', gz(link('2')), 'ARCHIVE_INVALID symbolic_link a'],
    ['a hard link', gz(a, link('1')), 'ARCHIVE_INVALID hard_link a'],
    ['a character device', gz(link('3')), 'ARCHIVE_INVALID device a'],
    ['a block device', gz(link('4')), 'ARCHIVE_INVALID device a'],
    ['a named pipe', gz(link('6')), 'ARCHIVE_INVALID fifo a'],
    ['a contiguous file', gz(link('7')), 'ARCHIVE_INVALID unsupported_type a'],
    ['a GNU sparse file', gz(link('S')), 'ARCHIVE_INVALID sparse_file a'],
    ['a volume header', gz(link('V')), 'ARCHIVE_INVALID unsupported_type a'],
    ['a GNU long link', gz(link('K')), 'ARCHIVE_INVALID symbolic_link'],
    [
      'a sparse file of an extended header',
      gz(pax(paxRecord('GNU.sparse.major', '1')), a),
      'ARCHIVE_INVALID sparse_file',
    ],
    [
      'a link of an extended header',
      gz(pax(paxRecord('linkpath', '/etc')), a),
      'ARCHIVE_INVALID symbolic_link',
    ],
    [
      'an unknown extension',
      gz(pax(paxRecord('ACME.magic', '1')), a),
      'ARCHIVE_INVALID unsupported_extension',
    ],
    [
      'a path for all entries',
      gz(pax(paxRecord('path', 'x'), 'g'), a),
      'ARCHIVE_INVALID unsupported_extension',
    ],

    ['an absolute path', gz(entry('/etc/x')), 'ARCHIVE_INVALID path_absolute /etc/x'],
    ['the root', gz(folder('/')), 'ARCHIVE_INVALID path_absolute /'],
    ['an absolute path after ./', gz(entry('.//etc/x')), 'ARCHIVE_INVALID path_segment /etc/x'],
    ['a parent folder', gz(entry('../x')), 'ARCHIVE_INVALID path_parent ../x'],
    ['a parent folder inside', gz(entry('a/../../x')), 'ARCHIVE_INVALID path_parent a/../../x'],
    ['a parent folder at the end', gz(folder('a/..')), 'ARCHIVE_INVALID path_parent a/..'],
    [
      'a parent folder in the prefix',
      gz(header({ name: 'x', prefix: '..' })),
      'ARCHIVE_INVALID path_parent ../x',
    ],
    [
      'a parent folder in an extended header',
      gz(pax(paxRecord('path', '../x')), a),
      'ARCHIVE_INVALID path_parent ../x',
    ],
    [
      'a parent folder in a long name',
      gz(pax(Buffer.from('../x\0'), 'L'), a),
      'ARCHIVE_INVALID path_parent ../x',
    ],
    ['an empty segment', gz(entry('a//b')), 'ARCHIVE_INVALID path_segment a//b'],
    ['a dot segment', gz(entry('a/./b')), 'ARCHIVE_INVALID path_segment a/./b'],
    ['two dot segments in front', gz(entry('././a')), 'ARCHIVE_INVALID path_segment ./a'],
    ['an empty name', gz(entry('')), 'ARCHIVE_INVALID path_segment '],
    ['a file with a slash at its end', gz(entry('a/')), 'ARCHIVE_INVALID path_segment a'],
    ['a file that is the folder itself', gz(entry('.')), 'ARCHIVE_INVALID path_segment '],
    ['a backslash', gz(entry('a\\..\\b')), 'ARCHIVE_INVALID path_character a\\..\\b'],
    ['a control character', gz(entry('a\nb')), 'ARCHIVE_INVALID path_character a\nb'],
    ['a line separator', gz(entry('a\u2028b')), 'ARCHIVE_INVALID path_character a\u2028b'],
    [
      'a name that reads backwards',
      gz(entry('a\u202eb')),
      'ARCHIVE_INVALID path_character a\u202eb',
    ],
    [
      'a name that is not UTF-8',
      gz(withByte(0x80)),
      'ARCHIVE_INVALID path_encoding a\u0080b\u0080',
    ],
    [
      'an overlong UTF-8 slash',
      gz(header({ name: Buffer.from([0xc0, 0xaf]) })),
      'ARCHIVE_INVALID path_encoding \u00c0\u00af',
    ],
    ['a NUL inside a name', gz(withByte(0)), 'ARCHIVE_INVALID header_corrupt'],
    [
      'a NUL in an extended header',
      gz(pax(paxRecord('path', 'a\0/../b')), a),
      'ARCHIVE_INVALID path_character a\0/../b',
    ],
    [
      'a NUL in a long name',
      gz(pax(Buffer.from('a\0b\0'), 'L'), a),
      'ARCHIVE_INVALID header_corrupt',
    ],

    ['the same file twice', gz(a, a), 'ARCHIVE_INVALID duplicate a'],
    ['the same folder twice', gz(folder('d/'), folder('d')), 'ARCHIVE_INVALID duplicate d'],
    ['names that differ in case', gz(a, entry('A')), 'ARCHIVE_INVALID collision A'],
    [
      'names that differ in special case',
      gz(entry('stra\u00dfe'), entry('STRASSE')),
      'ARCHIVE_INVALID collision STRASSE',
    ],
    [
      'names that differ in composition',
      gz(entry('\u00e9'), entry('e\u0301')),
      'ARCHIVE_INVALID collision e\u0301',
    ],
    ['folders that differ in case', gz(entry('D/a'), entry('d/b')), 'ARCHIVE_INVALID collision d'],
    ['a file used as a folder', gz(a, entry('a/b')), 'ARCHIVE_INVALID file_as_folder a'],
    ['a folder that becomes a file', gz(entry('a/b'), a), 'ARCHIVE_INVALID file_as_folder a'],

    [
      'a wrong header checksum',
      gz(header({ name: 'a', checksum: '000000\0 ' })),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a signed header checksum',
      gz(header({ name: '\u00e9', checksum: '007000\0 ' })),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'an unknown format',
      gz(header({ name: 'a', magic: 'acmetar\0' })),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a size that is no number',
      gz(header({ name: 'a', size: '12x' })),
      'ARCHIVE_INVALID header_corrupt',
    ],
    ['a negative size', gz(header({ name: 'a', size: '-1' })), 'ARCHIVE_INVALID header_corrupt'],
    [
      'a binary size',
      gz(header({ name: 'a', size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) })),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a folder with contents',
      gz(folder('d', { size: 3 }), padded('abc')),
      'ARCHIVE_INVALID header_corrupt d',
    ],
    ['a lone extended header', gz(pax(paxRecord('mtime', '1'))), 'ARCHIVE_INVALID header_corrupt'],
    [
      'two extended headers',
      gz(pax(paxRecord('path', 'b')), pax(paxRecord('path', 'c')), a),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a long name and an extended header',
      gz(pax(Buffer.from('b\0'), 'L'), pax(paxRecord('path', 'c')), a),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'two headers for all entries in a row',
      gz(pax('', 'g'), pax('', 'g'), a),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a record twice',
      gz(pax(paxRecord('path', 'b') + paxRecord('path', 'c')), a),
      'ARCHIVE_INVALID header_corrupt',
    ],
    [
      'a record without a value',
      gz(pax(paxRecord('path', '')), a),
      'ARCHIVE_INVALID header_corrupt',
    ],
    ['a record that is too long', gz(pax('99 path=b\n'), a), 'ARCHIVE_INVALID header_corrupt'],
    ['a record of length zero', gz(pax('0 path=b\n'), a), 'ARCHIVE_INVALID header_corrupt'],
    ['a record without a line end', gz(pax('9 path=bb'), a), 'ARCHIVE_INVALID header_corrupt'],
    ['a record without a key', gz(pax('6 =bb\n'), a), 'ARCHIVE_INVALID header_corrupt'],
    ['a record without a length', gz(pax(' path=b\n'), a), 'ARCHIVE_INVALID header_corrupt'],
    [
      'a size of an extended header that is no number',
      gz(pax(paxRecord('size', '0x5')), a),
      'ARCHIVE_INVALID header_corrupt',
    ],

    ['no bytes', Buffer.alloc(0), 'ARCHIVE_INVALID not_gzip'],
    ['a plain tar', tar(a), 'ARCHIVE_INVALID not_gzip'],
    ['no end', gzipSync(a), 'ARCHIVE_INVALID truncated'],
    [
      'half of an end',
      gzipSync(Buffer.concat([a, END.subarray(512)])),
      'ARCHIVE_INVALID truncated',
    ],
    ['a header cut off', gzipSync(a.subarray(0, 300)), 'ARCHIVE_INVALID truncated'],
    [
      'a content cut off',
      gzipSync(entry('a', 'x'.repeat(900)).subarray(0, 700)),
      'ARCHIVE_INVALID truncated a',
    ],
    ['padding cut off', gzipSync(a.subarray(0, 520)), 'ARCHIVE_INVALID truncated'],
    [
      'an extended header cut off',
      gzipSync(pax(paxRecord('path', 'b')).subarray(0, 514)),
      'ARCHIVE_INVALID truncated',
    ],
    [
      'an entry after the end',
      gzipSync(Buffer.concat([tar(a), tar(entry('b'))])),
      'ARCHIVE_INVALID trailing_data',
    ],
    [
      'an entry between the end blocks',
      gzipSync(Buffer.concat([a, END.subarray(512), tar(entry('b'))])),
      'ARCHIVE_INVALID trailing_data',
    ],
    [
      'a second gzip member',
      Buffer.concat([gz(a), gz(entry('b'))]),
      'ARCHIVE_INVALID trailing_data',
    ],
    [
      'zeros after the gzip member',
      Buffer.concat([gz(a), Buffer.alloc(1)]),
      'ARCHIVE_INVALID trailing_data',
    ],
    [
      'an archive in two gzip members',
      Buffer.concat([gzipSync(a), gzipSync(END)]),
      'ARCHIVE_INVALID trailing_data',
    ],

    [
      'a path of 256 bytes',
      gz(pax(paxRecord('path', long)), a),
      `ARCHIVE_TOO_LARGE path_bytes ${long}`,
    ],
    ['21 levels', gz(entry('d/'.repeat(20) + 'f')), `ARCHIVE_TOO_LARGE depth ${'d/'.repeat(20)}f`],
    [
      'a long extended header',
      gz(header({ name: 'x', type: 'x', size: 64 * 1024 + 1 })),
      'ARCHIVE_TOO_LARGE header_bytes',
    ],
    [
      'a long name that is too long',
      gz(header({ name: 'x', type: 'L', size: 64 * 1024 + 1 })),
      'ARCHIVE_TOO_LARGE header_bytes',
    ],
    [
      '8 GiB by its header',
      gz(header({ name: 'a', size: '77777777777' })),
      'ARCHIVE_TOO_LARGE unpacked_bytes a',
    ],
    [
      '8 GiB by an extended header',
      gz(pax(paxRecord('size', '8589934592')), a),
      'ARCHIVE_TOO_LARGE unpacked_bytes a',
    ],
  ])('%s', async (_what, packed, expected) => {
    expect(await refusal(packed)).toBe(expected);
  });

  it('accepts the longest path and the deepest file', async () => {
    const path = 'n'.repeat(255);
    const deep = `${'d/'.repeat(19)}f`;
    expect(await list(gz(pax(paxRecord('path', path)), a, entry(deep)))).toHaveLength(2);
  });

  it('an archive cut off anywhere, and one with any wrong byte in its trailer', async () => {
    const packed = gz(a, entry('b', 'c'.repeat(3000)));
    for (let length = 0; length < packed.length; length += 1) {
      expect(await refusal(packed.subarray(0, length))).toMatch(/^ARCHIVE_INVALID /);
    }
    for (let at = packed.length - 8; at < packed.length; at += 1) {
      const broken = Buffer.from(packed);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(await refusal(broken)).toBe('ARCHIVE_INVALID gzip_corrupt');
    }
  });

  it('drops setuid, setgid and sticky bits, and those of others', async () => {
    expect(await list(gz(entry('a', '', { mode: 0o7644 })))).toEqual(['file a 0 ""']);
    expect(await list(gz(entry('a', '', { mode: 0o4755 })))).toEqual(['file a x 0 ""']);
    expect(await list(gz(entry('a', '', { mode: 0o6611 })))).toEqual(['file a 0 ""']);
  });

  it('says what is wrong with which entry', async () => {
    const packed = gz(header({ name: 'bin/\u001b[2Jsh', type: '2' }));
    await expect(list(packed)).rejects.toMatchObject({
      detail: String.raw`"bin/\u001b[2Jsh" has a control character in it.`,
    });
    await expect(list(gz(header({ name: 'bin/sh', type: '2' })))).rejects.toMatchObject({
      detail: '"bin/sh" is a symbolic link.',
    });
  });
});

describe('readArchive stops early', () => {
  it('at 10 MiB packed, however long the source goes on', async () => {
    let given = 0;
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (;;) {
        given += MIB;
        yield Buffer.alloc(MIB);
      }
    };
    await expect(readArchive(endless()).next()).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_LARGE',
      fields: { limit: 'packed_bytes', allowed: 10 * MIB },
    });
    expect(given).toBe(11 * MIB);
  });

  it('before the content that a header declares too large, of a bomb of 8 GiB', async () => {
    const declared = header({ name: 'bomb', size: 8 * 1024 * MIB - 1 });
    const packed = bomb(declared, Buffer.alloc(MIB), 8 * 1024);
    expect(packed.length).toBeLessThan(10 * MIB);
    let read = 0;
    try {
      for await (const { content } of readArchive([packed])) {
        for await (const chunk of content) read += chunk.length;
      }
    } catch (error) {
      expect(error).toMatchObject({ fields: { limit: 'unpacked_bytes', path: 'bomb' } });
    }
    expect(read).toBe(0);
  });

  it('within a chunk of the limit when many small entries add up', async () => {
    const limits = { ...ARCHIVE_LIMITS, unpackedBytes: 4 * MIB, entries: 1_000_000 };
    const pieces = Array.from({ length: 100 }, (_, n) => entry(`f${n}`, '0'.repeat(100_000)));
    let read = 0;
    const consume = async (): Promise<void> => {
      for await (const { content } of readArchive([gz(...pieces)], limits)) {
        for await (const chunk of content) read += chunk.length;
      }
    };
    await expect(consume()).rejects.toMatchObject({ fields: { limit: 'unpacked_bytes' } });
    expect(read).toBeLessThanOrEqual(4 * MIB);
  });

  it('at a ratio that only a bomb has, but lets small archives be', async () => {
    const zeros = (mib: number): Buffer =>
      gz(...Array.from({ length: mib }, (_, n) => entry(`f${n}`, '\0'.repeat(MIB - 1024))));
    const limits = { ...ARCHIVE_LIMITS, ratioFreeBytes: 2 * MIB };
    expect(await refusal(zeros(2), limits)).toBe('accepted');
    expect(await refusal(zeros(4), limits)).toBe('ARCHIVE_TOO_LARGE ratio');
  });

  it('in the zeros after the end', async () => {
    const limits = { ...ARCHIVE_LIMITS, ratio: 2000 };
    const packed = bomb(END, Buffer.alloc(MIB), 8 * 1024);
    expect(await refusal(packed, limits)).toBe('ARCHIVE_TOO_LARGE unpacked_bytes');
  });

  it('at 10,000 files and folders, counting those that paths imply', async () => {
    const names = (count: number): Buffer[] =>
      Array.from({ length: count }, (_, n) => header({ name: `f${n}` }));
    expect(await refusal(gz(...names(10_000)))).toBe('accepted');
    expect(await refusal(gz(...names(10_001)))).toBe('ARCHIVE_TOO_LARGE entries f10000');
    const deep = Array.from({ length: 6_000 }, (_, n) => header({ name: `d${n}/f` }));
    expect(await refusal(gz(...deep))).toBe('ARCHIVE_TOO_LARGE entries d5000');
  });
});
