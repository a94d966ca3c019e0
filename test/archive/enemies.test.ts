// Archives made by somebody who wants to get out of the folder, fill the machine, or have two readers
// see two things: whole ones with one or more faults among what is harmless, in any order.
import { mkdir, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/base/app-error.ts';
import { extractArchive, writeEntries } from '../../src/archive/extract-archive.ts';
import { readArchive, type ArchiveEntry } from '../../src/archive/read-archive.ts';
import { readTree, writeTree } from '../support/folder-tree.ts';
import { bomb, entry, folder, gz, header, pax, paxRecord, tar } from '../support/tar-bytes.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** What an archive is made of: its parts before the end, and what is packed of them. */
interface Part {
  readonly bytes: Buffer;
  /** Why an archive with it is refused; undefined for what is harmless. */
  readonly fault: string | undefined;
}

const harmless = (bytes: Buffer): Part => ({ bytes, fault: undefined });
const enemy = (fault: string, ...bytes: Buffer[]): Part => ({ bytes: Buffer.concat(bytes), fault });

const name = fc.stringMatching(/^[a-z]{1,8}$/);
/** Each in a folder of its own number, so that no two meet by chance. */
const friend = (index: number): fc.Arbitrary<Part> =>
  fc.oneof(
    name.map((n) => harmless(folder(`f${index}/${n}/`))),
    fc
      .tuple(name, fc.string({ maxLength: 2_000, unit: 'binary' }))
      .map(([n, text]) => harmless(entry(`f${index}/${n}`, text))),
    fc
      .tuple(name, fc.integer({ min: 100, max: 200 }))
      .map(([n, length]) =>
        harmless(
          Buffer.concat([
            pax(paxRecord('path', `f${index}/${n}${'x'.repeat(length)}`)),
            entry('x', 'long'),
          ]),
        ),
      ),
    name.map((n) =>
      harmless(Buffer.concat([pax(Buffer.from(`f${index}/gnu-${n}\0`), 'L'), entry('x', 'long')])),
    ),
  );

const OUTSIDE = '../../outside/victim';
const LINKS = { '1': 'hard_link', '2': 'symbolic_link' } as const;
const DEVICES = { '3': 'device', '4': 'device', '6': 'fifo' } as const;

const link = fc
  .tuple(
    fc.constantFrom<keyof typeof LINKS>('1', '2'),
    fc.constantFrom('/etc/passwd', '..', OUTSIDE, 'f0'),
  )
  .map(([type, linkname]) => enemy(LINKS[type], header({ name: 'l', type, linkname })));
const device = fc
  .constantFrom<keyof typeof DEVICES>('3', '4', '6')
  .map((type) => enemy(DEVICES[type], header({ name: 'dev', type })));
/** However the path is told. */
const told = (path: string): fc.Arbitrary<Buffer> =>
  fc.constantFrom(
    ...(Buffer.byteLength(path) <= 100 ? [entry(path, 'evil'), folder(path)] : []),
    Buffer.concat([pax(paxRecord('path', path)), entry('x', 'evil')]),
    Buffer.concat([pax(Buffer.from(`${path}\0`), 'L'), entry('x', 'evil')]),
  );
const wayOut = fc
  .constantFrom(
    ['path_absolute', '/tmp/evil'],
    ['path_absolute', '//evil'],
    ['path_parent', OUTSIDE],
    ['path_parent', '..'],
    ['path_parent', 'd/../../evil'],
    ['path_segment', 'd//evil'],
    ['path_segment', 'd/./evil'],
    ['path_character', 'd\\..\\evil'],
    ['path_character', 'C:\\evil'],
    ['path_character', 'a\nb'],
    ['path_character', 'gnp\u202egpj'],
    ['path_bytes', 'n'.repeat(256)],
    ['depth', 'd/'.repeat(20) + 'f'],
  )
  .chain(([fault = '', path = '']) => told(path).map((bytes) => enemy(fault, bytes)));
/** Two names that are one where case or composition does not count; both are there. */
const twins = fc
  .constantFrom(
    ['README', 'readme'],
    ['stra\u00dfe', 'STRASSE'],
    ['\u00e9t\u00e9', 'e\u0301te\u0301'],
    ['\u212b', '\u00e5'],
    ['\ufb01le', 'file'],
    ['\u03c3', '\u03c2'],
    ['\u01c6', '\u01c4'],
    ['d/x', 'D/y'],
  )
  .map(([one = '', other = '']) => enemy('collision', entry(one), entry(other)));
const contradiction = fc.constantFrom(
  enemy('duplicate', entry('twice', 'one'), entry('twice', 'two')),
  enemy('file_as_folder', entry('both'), entry('both/in', '')),
  enemy('file_as_folder', entry('both/in'), entry('both')),
);
const sparse = fc.constantFrom(
  enemy('sparse_file', header({ name: 'hole', type: 'S', size: 0 })),
  enemy('sparse_file', pax(paxRecord('GNU.sparse.major', '1')), entry('hole')),
  enemy('sparse_file', pax(paxRecord('SCHILY.realsize', '99999999999')), entry('hole')),
);
/** They say more than there may be, and nothing of that is read. */
const huge = fc.constantFrom(
  enemy('unpacked_bytes', header({ name: 'huge', size: '77777777777' })),
  enemy('unpacked_bytes', pax(paxRecord('size', '999999999999999')), header({ name: 'huge' })),
  enemy('header_bytes', header({ name: 'pax', type: 'x', size: 2 ** 20 })),
  enemy('header_bytes', header({ name: 'long', type: 'L', size: 2 ** 20 })),
);
const garbled = fc.constantFrom(
  enemy('header_corrupt', header({ name: 'x', checksum: '000000\0 ' })),
  enemy('header_corrupt', header({ name: Buffer.from('a\0b') })),
  enemy('header_corrupt', pax('7 path\n'), entry('x')),
  enemy('path_encoding', header({ name: Buffer.from([0x61, 0xff]) })),
);
const anyEnemy = fc.oneof(link, device, wayOut, twins, contradiction, sparse, huge, garbled);

/** Some harmless parts; with an enemy at any place among them. */
const friends = fc
  .integer({ min: 0, max: 6 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => friend(index))));
const attack = fc.tuple(friends, anyEnemy, fc.nat()).map(([parts, one, place]) => ({
  parts: parts.toSpliced(place % (parts.length + 1), 0, one),
  one,
}));

const ends = async (work: Promise<void>): Promise<AppError | undefined> => {
  try {
    await work;
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  }
};

/** Unpacks below a folder that has neighbours, and looks that they are as they were. */
async function attackWith(packed: Buffer): Promise<{ error?: AppError; tree: object }> {
  await using temporary = await makeTemporaryFolder();
  await writeTree(temporary.path, { 'outside/victim': 'untouched', 'inside/beside': 'untouched' });
  const before = await readTree(temporary.path);
  const target = join(temporary.path, 'inside/target');
  const error = await ends(extractArchive([packed], target));
  const tree = error === undefined ? await readTree(target) : {};
  if (error === undefined) await rename(target, join(temporary.path, 'outcome'));
  const after = Object.entries(await readTree(temporary.path)).filter(
    ([path]) => path.split('/')[0] !== 'outcome',
  );
  expect(Object.fromEntries(after)).toEqual(before);
  return error === undefined ? { tree } : { error, tree };
}

describe('an archive of an enemy', () => {
  it('is refused for what is wrong in it, wherever that stands, and leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(attack, async ({ parts, one }) => {
        const { error } = await attackWith(gz(...parts.map(({ bytes }) => bytes)));
        const { reason, limit } = error?.fields ?? {};
        expect(reason ?? limit).toBe(one.fault);
      }),
      { numRuns: 120 },
    );
  });

  it('is no archive of harmless parts: that one comes out whole', async () => {
    await fc.assert(
      fc.asyncProperty(friends, async (parts) => {
        const { error, tree } = await attackWith(gz(...parts.map(({ bytes }) => bytes)));
        expect(error).toBeUndefined();
        const files = Object.keys(tree).filter((path) => path.split('/').length === 2);
        expect(files).toHaveLength(parts.length);
      }),
      { numRuns: 25 },
    );
  });

  it('is refused when it ends early or goes on with another one, whatever is in that', async () => {
    await fc.assert(
      fc.asyncProperty(friends, friends, fc.nat(), async (parts, more, cut) => {
        const [one, other] = [parts, more].map((some) => some.map(({ bytes }) => bytes));
        const packed = gz(...(one ?? []));
        const torn = packed.subarray(0, cut % packed.length);
        for (const bytes of [
          torn,
          Buffer.concat([packed, gz(...(other ?? []))]),
          gzipSync(Buffer.concat([tar(...(one ?? [])), tar(entry('second'), ...(other ?? []))])),
          gzipSync(tar(...(one ?? [])).subarray(0, -513)),
        ]) {
          const { error } = await attackWith(bytes);
          expect(error).toMatchObject({ code: 'ARCHIVE_INVALID' });
        }
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ['of one name', 'duplicate', entry('f'), 1],
    ['of the folder itself', 'unpacked_bytes', folder('./'), 0],
  ])('is read no further than what is wrong, of a million entries %s', async (...given) => {
    const [, fault, piece, whole] = given;
    const packed = bomb(Buffer.alloc(0), Buffer.concat(Array<Buffer>(2_000).fill(piece)), 500);
    let seen = 0;
    const read = async (): Promise<void> => {
      for await (const one of readArchive([packed])) seen += one.size + 1;
    };
    const { reason, limit } = (await ends(read()))?.fields ?? {};
    expect([reason ?? limit, seen]).toEqual([fault, whole]);
  });
});

describe('a link that is put in the way while an archive is unpacked', () => {
  const file = (path: string): ArchiveEntry => ({
    path,
    kind: 'file',
    executable: false,
    size: 4,
    content: (async function* () {
      yield Buffer.from('evil');
    })(),
  });

  it.each([
    ['a folder', 'd', ['d/one', 'other/x', 'd/two']],
    ['a folder that is open', 'd', ['d/one', 'd/two']],
    ['a folder above it', 'd', ['d/e/one', 'd/e/two', 'x', 'd/e/three']],
    ['a folder that is not made yet', 'late', ['one', 'late/two']],
    ['a file that is not made yet', 'late', ['one', 'late']],
    ['the target', '', ['one', 'two', 'd/three']],
  ])('for %s leads nowhere', async (_what, place, paths) => {
    await using temporary = await makeTemporaryFolder();
    const [target, outside] = ['target', 'outside'].map((one) => join(temporary.path, one));
    await mkdir(outside ?? '');
    const at = join(target ?? '', place);
    const entries = async function* (): AsyncGenerator<ArchiveEntry> {
      for (const [index, path] of paths.entries()) {
        if (index === 1) {
          await rename(at, join(temporary.path, 'aside')).catch(() => undefined); // not made yet
          await symlink(outside ?? '', at);
        }
        yield file(path);
      }
    };
    await writeEntries(entries(), target ?? '').catch((error: unknown) =>
      expect(error).toMatchObject({ code: expect.stringMatching(/^(ELOOP|ENOTDIR|EEXIST)$/) }),
    );
    expect(await readTree(outside ?? '')).toEqual({});
  });
});
