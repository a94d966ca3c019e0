// Which process of a workspace the kernel ends when its memory is used up. Files in memory are nobody's there, so
// that the largest process may well be the supervisor, with which the workspace would be gone.
import type { ProcessLimits } from '../../../../contract/manifest/schema.ts';

/** More than a supervisor can take of the least limit; less than what has filled the whole machine. */
const SCORE = 900;
const RAISE = `{ echo ${SCORE} > /proc/self/oom_score_adj; } 2>/dev/null; exec "$@"`;

/** The command line of `argv` as that of a program that goes before its supervisor, which starts it again. */
export function expendable(
  { memory_bytes: memory }: ProcessLimits,
  argv: readonly string[],
): readonly string[] {
  // Before its first instruction: what it starts inherits it.
  return memory === null ? argv : ['/bin/sh', '-c', RAISE, 'sh', ...argv];
}
