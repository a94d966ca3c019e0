// How bubblewrap is told what a program sees of this machine, and what it may do there.
import path from 'node:path';

interface View {
  /** Nothing of them is there but what is named below. */
  readonly hidden: readonly string[];
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  /** Where the program begins. */
  readonly cwd: string;
}

const SYSTEM = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt', '/nix/store'],
];
/** By name: a daemon that is root could read keys and passwords there as well. */
const SETTINGS = [
  ...[
    'alternatives',
    'ca-certificates',
    'ca-certificates.conf',
    'crypto-policies',
    'debian_version',
  ],
  ...['fonts', 'group', 'host.conf', 'hosts', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d'],
  ...['locale.alias', 'locale.conf', 'localtime', 'login.defs', 'mime.types', 'nsswitch.conf'],
  ...[
    'os-release',
    'passwd',
    'pki/ca-trust',
    'pki/tls/certs',
    'profile',
    'protocols',
    'resolv.conf',
  ],
  ...['services', 'shells', 'ssl/certs', 'ssl/openssl.cnf', 'terminfo', 'timezone'],
].map((name) => path.join('/etc', name));
/** In memory, as /dev is: each could otherwise be half as large as the machine's. */
const EMPTY = ['/tmp', '/var/tmp', '/run', '/dev/shm'];
const EMPTY_BYTES = 256 * 1024 ** 2;

/** The daemon's keyring and what is in it, by name. */
const UNTOLD = ['/proc/keys', '/proc/key-users'];

/**
 * bubblewrap itself is to outlive a request to end, or its program would be killed with it before it
 * could answer. The program has the signal back from `env`, and a shell starts it: to `env` a name with = in it is
 * a variable.
 */
const DEAF_TO_SIGTERM = ['/bin/sh', '-c', 'trap "" TERM; exec "$@"', 'sh'];
const HEARING_SIGTERM = [
  ...['/usr/bin/env', '--default-signal=TERM', '/bin/sh', '-c', 'exec "$@"', 'sh'],
];

/** What a program's command line is put behind. It reads its environment from the descriptor 3, its filter from 4. */
export function enteringBubblewrap(bwrap: string, view: View): readonly string[] {
  const readable = (there: string): readonly string[] => ['--ro-bind-try', there, there];
  const covered = (there: string): readonly string[] => ['--ro-bind-try', '/dev/null', there];
  return [
    ...DEAF_TO_SIGTERM,
    bwrap,
    // Without namespaces of its own a program cannot get away from its control group, nor at much of the kernel.
    ...['--unshare-user', '--disable-userns', '--unshare-pid', '--unshare-ipc'],
    ...['--cap-drop', 'ALL', '--die-with-parent', '--clearenv', '--args', '3'],
    ...['--seccomp', '4'],
    ...[...SYSTEM, ...SETTINGS].flatMap(readable),
    // A daemon that is root could write to the kernel's settings, which belong to all of the machine.
    ...['--dev', '/dev', '--proc', '/proc', ...UNTOLD.flatMap(covered), '--remount-ro', '/proc'],
    ...EMPTY.flatMap((folder) => ['--size', String(EMPTY_BYTES), '--tmpfs', folder]),
    ...['--remount-ro', '/dev'],
    ...view.hidden.flatMap((folder) => ['--tmpfs', folder]),
    ...view.readable.flatMap(readable),
    ...view.writable.flatMap((folder) => ['--bind', folder, folder]),
    ...[...view.hidden, '/'].flatMap((folder) => ['--remount-ro', folder]),
    ...['--chdir', view.cwd, '--'],
    ...HEARING_SIGTERM,
  ];
}

/**
 * What is to be read from the descriptor 3. Never the environment of bubblewrap itself, which is not in the sandbox
 * yet and heeds LD_PRELOAD; nor its command line, which everybody on the machine can see.
 */
export function environmentArguments(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .flatMap(([name, value]) => ['--setenv', name, value])
    .map((word) => `${word}\0`)
    .join('');
}
