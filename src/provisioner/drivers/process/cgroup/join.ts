// How a program begins its life in a group: not even its first instruction is outside.

const JOIN =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 125; shift; n=$((n - 1)); done; exec "$@"';

/** The command line of `argv` as a member of the groups that `files` join. It stays the same process. */
export function joining(files: readonly string[], argv: readonly string[]): readonly string[] {
  if (files.length === 0) return argv;
  return ['/bin/sh', '-c', JOIN, 'sh', String(files.length), ...files, ...argv];
}

/** Whether a process with this command line has still to become the program. */
export function isJoining(argv: readonly string[]): boolean {
  return argv[2] === JOIN;
}
