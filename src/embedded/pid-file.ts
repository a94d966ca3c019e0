// postmaster.pid: what a running server says of itself, and whether it is still that server.
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { identifyProcess, type ProcessIdentity } from '../base/process-identity.ts';
import { readIfThere } from '../base/read-if-there.ts';

/** A file that is just being written may lack its later lines. */
export interface PidFile {
  readonly pid: number;
  readonly clusterFolder: string;
  readonly port: number | undefined;
  readonly socketFolder: string | undefined;
  readonly status: string | undefined;
  /** The whole file, to recognise it again. */
  readonly text: string;
}

export function pidFilePath(cluster: string): string {
  return path.join(cluster, 'postmaster.pid');
}

export async function readPidFile(cluster: string): Promise<PidFile | undefined> {
  const text = await readIfThere(pidFilePath(cluster));
  return text === undefined ? undefined : parsePidFile(text);
}

/** Undefined for a file in which not even the first lines are whole. */
export function parsePidFile(text: string): PidFile | undefined {
  // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory, status.
  const [pid, clusterFolder, , port, socketFolder, , , status] = text.split('\n');
  if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
  if (clusterFolder === undefined || clusterFolder === '') return undefined;
  return {
    pid: Number(pid),
    clusterFolder,
    port: port !== undefined && /^\d+$/.test(port) ? Number(port) : undefined,
    socketFolder: socketFolder === '' ? undefined : socketFolder,
    status: status === undefined || status === '' ? undefined : status.trim(),
    text,
  };
}

/**
 * The process that wrote the file, or undefined when it is gone. A pid that now belongs to another
 * program is told apart by the command line, which names the cluster.
 */
export function findPostmaster(file: PidFile): ProcessIdentity | undefined {
  const identity = identifyProcess(file.pid);
  if (identity === undefined) return undefined;
  return runsCluster(commandLine(file.pid), file.clusterFolder) ? identity : undefined;
}

/** Whether a command line, its words joined by spaces, is that of a server of `cluster`. */
export function runsCluster(commandLine: string, cluster: string): boolean {
  const words = `${commandLine} `;
  return /(^|\/)postgres /.test(words) && words.includes(` -D ${cluster} `);
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    }
    return spawnSync('ps', ['-ww', '-p', String(pid), '-o', 'command='], {
      encoding: 'utf8',
    }).stdout.trim();
  } catch {
    return ''; // it ended just now
  }
}
