// Processes found again by what every one of them inherits: a variable of their environment that
// names the folder they belong to. It needs no record, which a kill could have come before. Only Linux
// tells: elsewhere none is found, and docs/provisioners.md says what that means.
import { readdirSync, readFileSync } from 'node:fs';
import { identifyProcess, isSameProcess, type ProcessIdentity } from '../base/process-identity.ts';

/** Living processes whose variable `mark` names a folder that `wanted` accepts, by folder. */
export function findMarked(
  mark: string,
  wanted: (folder: string) => boolean,
): ReadonlyMap<string, readonly ProcessIdentity[]> {
  const found = new Map<string, ProcessIdentity[]>();
  if (process.platform !== 'linux') return found;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const folder = readMark(name, mark);
    if (folder === undefined || !wanted(folder)) continue;
    const identity = identifyProcess(Number(name));
    if (identity !== undefined) found.set(folder, [...(found.get(folder) ?? []), identity]);
  }
  return found;
}

/** False when the process is gone, or out of reach because it became another user's. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isSameProcess(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

function readMark(pid: string, mark: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    const line = environment.split('\0').find((entry) => entry.startsWith(`${mark}=`));
    return line?.slice(mark.length + 1);
  } catch {
    return undefined; // gone, or another user's
  }
}
