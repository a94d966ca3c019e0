// The account that the server runs as. PostgreSQL refuses to be root, so root needs another one.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';

export type ServerAccount =
  /** Whoever runs Standby. */
  | { readonly kind: 'self'; readonly uid: number; readonly gid: number }
  /** Another user, whom only root can become. */
  | { readonly kind: 'user'; readonly name: string; readonly uid: number; readonly gid: number }
  /**
   * Root, seen as the user `mapped` from inside a user namespace: files stay root's, and paths that
   * only root can pass stay passable.
   */
  | {
      readonly kind: 'namespace';
      readonly uid: 0;
      readonly gid: 0;
      readonly mappedUid: number;
      readonly mappedGid: number;
    };

export interface SpawnAsOptions {
  readonly stdio: StdioOptions;
}

// Nothing of the caller's environment reaches the server: PGPORT, PGDATA, LC_* and their like would
// change what it does.
const ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/**
 * Starts a program as `account`, in a session of its own: a terminal's Ctrl-C and hang-up reach the
 * caller only, and the program outlives it.
 */
export function spawnAs(
  account: ServerAccount,
  command: readonly [program: string, ...args: readonly string[]],
  options: SpawnAsOptions,
): ChildProcess {
  const [program, ...args] = inNamespace(account, command);
  return spawn(program, args, {
    stdio: options.stdio,
    detached: true,
    // Not the caller's folder, which the account may be unable to enter and nobody may remove then.
    cwd: '/',
    env: ENVIRONMENT,
    ...(account.kind === 'user' ? { uid: account.uid, gid: account.gid } : {}),
  });
}

/** The account in words, for logs and messages. */
export function describeAccount(account: ServerAccount): string {
  switch (account.kind) {
    case 'self':
      return `uid ${account.uid}`;
    case 'user':
      return `user ${account.name}`;
    case 'namespace':
      return 'root in a user namespace';
  }
}

function inNamespace(
  account: ServerAccount,
  command: readonly [string, ...(readonly string[])],
): readonly [string, ...(readonly string[])] {
  if (account.kind !== 'namespace') return command;
  return [
    'unshare',
    '--user',
    `--map-user=${account.mappedUid}`,
    `--map-group=${account.mappedGid}`,
    '--',
    ...command,
  ];
}
