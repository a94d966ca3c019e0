// Where everything of the embedded PostgreSQL lies, below the data folder.
import path from 'node:path';

export interface Layout {
  /** Owned by whoever runs Standby; the server only passes through. */
  readonly root: string;
  /** PostgreSQL's own data folder, owned by the account that runs the server. */
  readonly cluster: string;
  /** The password of Standby's role; readable by its owner only. */
  readonly passwordFile: string;
  readonly logFile: string;
  /** The folder of the Unix socket, unless its path is too long for one. */
  readonly socketFolder: string;
  /** Copies of the server's binaries, where these cannot be run in place. */
  readonly softwareFolder: string;
}

/** `dataDir` must be a real path: it ends up in the server's command line, by which it is known. */
export function layoutOf(dataDir: string): Layout {
  const root = path.join(dataDir, 'postgres');
  return {
    root,
    cluster: path.join(root, 'cluster'),
    passwordFile: path.join(root, 'password'),
    logFile: path.join(root, 'server.log'),
    socketFolder: path.join(root, 'socket'),
    softwareFolder: path.join(root, 'software'),
  };
}
