// How the server is set up: what makes it ours stands on its command line, what suits a small host
// stands in postgresql.conf, where an operator can change it.

/** Written to postgresql.conf once, when the cluster is made. */
export const INITIAL_SETTINGS: Readonly<Record<string, string>> = {
  // Two control planes' pools, the command line and a backup, with room.
  max_connections: '100',
  // A pool's rows fit many times over; larger pays off only with much history.
  shared_buffers: '128MB',
  // Bounds what the write-ahead log may take of a small disk.
  max_wal_size: '512MB',
  // Queries are short: compiling them costs more than it saves.
  jit: 'off',
  // A transaction left open holds back vacuum and locks; no transaction of ours waits for anything.
  idle_in_transaction_session_timeout: '60s',
  // What fails because of a client's request is answered to that client, which logs it; the log
  // keeps what concerns the server, and stays small.
  log_min_messages: 'log',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

/** On the command line, so that no edit of a file can open the server to others or lose data. */
export function fixedSettings(socketFolder: string): Readonly<Record<string, string>> {
  return {
    listen_addresses: '',
    port: String(SOCKET_PORT),
    // A list of names: quoted, because a folder's name may hold a comma or a space.
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    logging_collector: 'off',
    log_destination: 'stderr',
  };
}

/** Names the socket's file; nothing listens on a port. */
export const SOCKET_PORT = 5432;

export function commandLineSettings(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

export function configurationLines(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}
