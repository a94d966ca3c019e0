// Processes found again by what every one of them inherits: a variable of their environment that
// names the folder they belong to. It needs no record, which a kill could have come before. Only Linux
// tells: elsewhere none is found, and docs/provisioners.md says what that means.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { identifyProcess, isSameProcess, type ProcessIdentity } from '../base/process-identity.ts';

/** Living processes by the folder that their mark names. */
export interface MarkedProcesses {
  readonly outside: ReadonlyMap<string, readonly ProcessIdentity[]>;
  /**
   * In a namespace of pids below this process's own. What is in a sandbox gives itself whatever mark it likes: it may
   * be ended for that, but as much of it as there is, nobody else is to be ended or held up.
   */
  readonly nested: ReadonlyMap<string, readonly ProcessIdentity[]>;
}

/** How long the end of nested processes is waited for: what holds them has ended by then, and the kernel ends the rest. */
export const NESTED_MS = 1_000;

/** Those whose variable `mark` names a folder that `wanted` accepts. */
export function findMarked(mark: string, wanted: (folder: string) => boolean): MarkedProcesses {
  const outside = new Map<string, ProcessIdentity[]>();
  const nested = new Map<string, ProcessIdentity[]>();
  if (process.platform !== 'linux') return { outside, nested };
  const own = pidNamespaceOf('self');
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const folder = readMark(name, mark);
    if (folder === undefined || !wanted(folder)) continue;
    const [identity, namespace] = [identifyProcess(Number(name)), pidNamespaceOf(name)];
    if (identity === undefined || namespace === undefined) continue;
    const found = namespace === own ? outside : nested;
    found.set(folder, [...(found.get(folder) ?? []), identity]);
  }
  return { outside, nested };
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

/** Undefined for one that is gone, or another user's. */
function pidNamespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** In bytes: an environment may be megabytes of variables, which are nobody's to take apart. */
function readMark(pid: string, mark: string): string | undefined {
  try {
    const environment = Buffer.concat([NUL, readFileSync(`/proc/${pid}/environ`), NUL]);
    const start = environment.indexOf(`\0${mark}=`);
    if (start === -1) return undefined;
    const value = start + mark.length + 2;
    return environment.toString('utf8', value, environment.indexOf(NUL, value));
  } catch {
    return undefined; // gone, or another user's
  }
}

const NUL = Buffer.of(0);
