// Which process a pid stands for. A pid alone is reused; together with the start time and the boot
// it names one process for ever, so it can be stored and asked about after any crash.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as this system words it (Linux: clock ticks since boot). Only compared. */
  readonly startMark: string;
  /** The boot that `startMark` counts from; empty where the mark is a calendar time. */
  readonly bootId: string;
}

/**
 * The identity of the living process `pid`, or undefined when there is none. A zombie counts as
 * gone: it runs nothing any more and only waits for its parent.
 */
export function identifyProcess(
  pid: number,
  platform: NodeJS.Platform = process.platform,
): ProcessIdentity | undefined {
  // Pids come out of files that a crash may have torn.
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid);
}

/** Whether the process that `identity` names is still alive. */
export function isSameProcess(
  identity: ProcessIdentity,
  platform: NodeJS.Platform = process.platform,
): boolean {
  const found = identifyProcess(identity.pid, platform);
  return found?.startMark === identity.startMark && found.bootId === identity.bootId;
}

/** The process and its ancestors, as far as this system tells. */
export function lineOf(pid: number): readonly number[] {
  const line: number[] = [];
  for (let one = pid; one > 0 && !line.includes(one); one = parentOf(one)) line.push(one);
  return line;
}

function parentOf(pid: number): number {
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1')).parent;
  } catch {
    return 0; // it went, or no Linux
  }
}

/** The identity as one word that a file's name can hold; `parseIdentity` reads it. */
export function formatIdentity({ pid, startMark, bootId }: ProcessIdentity): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64url');
  return `${pid}.${encode(startMark)}.${encode(bootId)}`;
}

/** What `formatIdentity` wrote, or undefined for any other text. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [, pid, startMark, bootId] = /^(\d+)\.([\w-]+)\.([\w-]*)$/.exec(text) ?? [];
  if (pid === undefined || startMark === undefined || bootId === undefined) return undefined;
  const decode = (word: string): string => Buffer.from(word, 'base64url').toString();
  return { pid: Number(pid), startMark: decode(startMark), bootId: decode(bootId) };
}

function identifyByProc(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // no such process, or it went while being read (ESRCH)
  }
  const { state, startTicks } = parseProcStat(stat);
  if (isGoneState(state)) return undefined;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return { pid, startMark: startTicks, bootId };
}

/** State (field 3), parent (field 4), process group (field 5) and start time (field 22) of a /proc/PID/stat line. */
export function parseProcStat(stat: string): {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly startTicks: string;
} {
  // Field 2 is the command in parentheses, and the command may hold spaces and parentheses itself:
  // only what follows the last one can be split.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group] = [fields[0], Number(fields[4 - 3]), Number(fields[5 - 3])];
  const startTicks = fields[22 - 3];
  if (state === undefined || startTicks === undefined || !/^\d+$/.test(startTicks)) {
    throw new Error(`not a /proc/PID/stat line: ${JSON.stringify(stat)}`);
  }
  return { state, parent, group, startTicks };
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  const answer = spawnSync('ps', ['-p', String(pid), '-o', 'stat=', '-o', 'lstart='], {
    encoding: 'latin1',
    // lstart is worded in the locale of whoever asks; pin it, so that two askers agree.
    env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
  });
  if (answer.error !== undefined) throw answer.error;
  const [state, ...start] = answer.stdout.trim().split(/\s+/);
  if (state === undefined || start.length === 0 || isGoneState(state)) return undefined;
  return { pid, startMark: start.join(' '), bootId: '' };
}

/** Whether a process in this state runs nothing any more: a zombie, or dead. */
export function isGoneState(state: string): boolean {
  return /^[ZXx]/.test(state);
}
