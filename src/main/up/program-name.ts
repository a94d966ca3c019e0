// How the person who started this program would start it again.
import path from 'node:path';

/** `bin/standby` in a checkout, `standby` where that is what was typed. */
export function programName(script: string | undefined, workingDir: string): string {
  if (script === undefined) return 'standby';
  const relative = path.relative(workingDir, script);
  if (relative.startsWith('..')) return path.basename(script) === 'standby' ? script : 'standby';
  return relative;
}
