// Process groups: all processes of one are signalled at once, and asked after at once.
import { readdirSync, readFileSync } from 'node:fs';
import { isGoneState, parseProcStat } from './process-identity.ts';

/** Gives whether there was one that could be signalled. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM: only processes of another user are left (sudo), or on macOS only zombies.
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}

/**
 * Whether a process of the group lives. A zombie does not: it runs nothing, and in a container whose
 * first process does not wait for orphans it stays for ever.
 */
export function isGroupAlive(group: number): boolean {
  if (!isThere(group)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isLivingMember(name, group));
}

function isThere(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    // Of another user: there, and out of reach.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isLivingMember(pid: string, group: number): boolean {
  try {
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat.group === group && !isGoneState(stat.state);
  } catch {
    return false; // it went while being read
  }
}
