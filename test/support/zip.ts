// A zip archive of one file, not compressed: enough to be a package of a Terraform provider.
import { crc32 } from 'node:zlib';

export function zipOf(name: string, content: Uint8Array): Buffer {
  const nameBytes = Buffer.from(name);
  // Version, flags, method (stored), time, date, checksum, sizes, length of the name, of the rest.
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(content.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(nameBytes.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, nameBytes, content]);

  const attributes = Buffer.alloc(14);
  // A regular file that may be executed.
  attributes.writeUInt32LE((0o100755 << 16) >>> 0, 6);
  const madeOnUnix = Buffer.from([20, 3]);
  const central = Buffer.concat([
    ...[Buffer.from('PK\x01\x02'), madeOnUnix, common, attributes, nameBytes],
  ]);

  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06'), end]);
}
