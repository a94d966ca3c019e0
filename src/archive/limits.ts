// How large an archive may be, packed and unpacked. What lies beyond is refused, never cut short.

export interface ArchiveLimits {
  readonly packedBytes: number;
  /** Of the tar inside, so that headers and padding count too. */
  readonly unpackedBytes: number;
  /** Unpacked over packed; judged beyond `ratioFreeBytes`. */
  readonly ratio: number;
  readonly ratioFreeBytes: number;
  /** Files and folders, those that only occur in the paths of others too. */
  readonly entries: number;
  readonly pathBytes: number;
  readonly depth: number;
  /** Of an extended header, which holds long names and times. */
  readonly headerBytes: number;
  /** Of the manifest, which is read into memory. */
  readonly manifestBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const ARCHIVE_LIMITS: ArchiveLimits = {
  packedBytes: 10 * MIB,
  unpackedBytes: 100 * MIB,
  // Source text packs about 4 to 1 and a tar of tiny files about 90 to 1, its padding being zeros:
  // a small archive may therefore exceed the ratio, which does no harm below the free size.
  ratio: 100,
  ratioFreeBytes: 10 * MIB,
  entries: 10_000,
  pathBytes: 255,
  depth: 20,
  headerBytes: 64 * KIB,
  manifestBytes: 64 * KIB,
};
