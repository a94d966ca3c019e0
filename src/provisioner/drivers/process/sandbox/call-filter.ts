// A filter of system calls, as a program of the kernel's for them (seccomp): none that has to do with keyrings. A
// sandbox has namespaces of its own, but not a session keyring: that is the daemon's, and so that of all workspaces.
import os from 'node:os';

/** As linux/audit.h names them, with the numbers of add_key, request_key and keyctl, which follow each other. */
const MACHINES = [
  { name: 'x86-64, also with short pointers', machine: 0xc000003e, first: 248 },
  { name: 'x86', machine: 0x40000003, first: 286 },
  { name: 'arm64', machine: 0xc00000b7, first: 217 },
  { name: 'arm', machine: 0x40000028, first: 309 },
  { name: 'riscv64', machine: 0xc00000f3, first: 217 },
  { name: 'loongarch64', machine: 0xc0000102, first: 217 },
  { name: 'ppc64le', machine: 0xc0000015, first: 269 },
  { name: 's390x', machine: 0x80000016, first: 278 },
] as const;

const [LOAD, AND, IF_EQUAL, IF_ABOVE, IF_NOT_BELOW, RETURN] = [0x20, 0x54, 0x15, 0x25, 0x35, 0x06];
/** Where the kernel tells them. */
const [CALL, MACHINE] = [0, 4];
const ALLOW = 0x7fff0000;
/** ENOSYS: as of a kernel that has no keyrings. */
const REFUSE = 0x00050000 | 38;
/** Set in calls with short pointers. */
const SHORT_POINTERS = 0x40000000;

type Instruction = readonly [code: number, value: number, skipIf?: number, skipElse?: number];

/** In base64. On a machine that is not among the above it refuses everything, so that there is no sandbox. */
export function callFilter(): string {
  const program: readonly Instruction[] = [
    [LOAD, MACHINE],
    ...MACHINES.flatMap(({ machine, first }): readonly Instruction[] => [
      [IF_EQUAL, machine, 0, 6],
      [LOAD, CALL],
      [AND, ~SHORT_POINTERS >>> 0],
      [IF_NOT_BELOW, first, 0, 2],
      [IF_ABOVE, first + 2, 1, 0],
      [RETURN, REFUSE],
      [RETURN, ALLOW],
    ]),
    [RETURN, REFUSE],
  ];
  return Buffer.concat(program.map(encode)).toString('base64');
}

/** struct sock_filter, in the machine's own order of bytes. */
function encode([code, value, skipIf = 0, skipElse = 0]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  const isLittle = os.endianness() === 'LE';
  if (isLittle) bytes.writeUInt16LE(code, 0);
  else bytes.writeUInt16BE(code, 0);
  bytes.writeUInt8(skipIf, 2);
  bytes.writeUInt8(skipElse, 3);
  if (isLittle) bytes.writeUInt32LE(value, 4);
  else bytes.writeUInt32BE(value, 4);
  return bytes;
}
