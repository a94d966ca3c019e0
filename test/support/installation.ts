// A whole installation run by `bin/standby up` in a data folder of its own, and everything that
// belongs to it, so that a test can kill all of it and see what is left.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createClient, type Client } from '../../src/client/client.ts';
import { BIN, buildBin, runBin, startProgram, type Program } from './program.ts';

export interface Installation {
  readonly dataDir: string;
  /** Starts `standby up`; resolves when it says that it is ready. Gives what it printed. */
  up(): Promise<string>;
  /** The same without waiting. */
  launch(): { readonly program: Program; readonly ready: Promise<string> };
  /** Ctrl-C; gives what it said at the end. */
  interrupt(): Promise<string>;
  /** SIGKILL to every process whose environment, arguments or working folder names the data folder. */
  killEverything(): void;
  /** Pids of all of them. */
  processes(): readonly number[];
  client(): Promise<Client>;
  /** Names of the workspaces' folders. */
  folders(): Promise<readonly string[]>;
  down(): string;
  remove(): Promise<void>;
}

export interface InstallationOptions {
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it listens; any free one, and another one each time, unless said. */
  readonly port?: number;
}

export async function createInstallation({
  environment: given = {},
  port = 0,
}: InstallationOptions = {}): Promise<Installation> {
  // An engine that this machine may have is none of a test's.
  const environment = { STANDBY_DOCKER_HOST: 'unix:///nonexistent/docker.sock', ...given };
  buildBin();
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'standby-up-'));
  let program: Program | undefined;

  const down = (): string =>
    execFileSync(BIN, ['down', '--data-dir', dataDir], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    });

  const launch = (): { readonly program: Program; readonly ready: Promise<string> } => {
    program = startProgram(['up', '--http-port', String(port), '--data-dir', dataDir], {
      environment,
    });
    return { program, ready: program.until('Standby is ready') };
  };

  return {
    dataDir,
    launch,
    up: () => launch().ready,
    interrupt: async () => {
      if (program === undefined) throw new Error('nothing runs');
      await program.end('SIGINT');
      return program.said();
    },
    killEverything: () => {
      // What is just being started while the list is read is on the next one.
      for (let pids = processesOf(dataDir); pids.length > 0; pids = processesOf(dataDir)) {
        for (const pid of pids) kill(pid);
      }
    },
    processes: () => processesOf(dataDir),
    client: async () => {
      const file = path.join(dataDir, 'credentials.json');
      return createClient(
        JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string },
      );
    },
    folders: () => readdir(path.join(dataDir, 'provisioner', 'workspaces')),
    down,
    // Without blocking: what the servers talk to may live in this process.
    remove: async () => {
      const { status, err } = await runBin(['down', '--data-dir', dataDir], { environment });
      if (status !== 0) throw new Error(err);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Pids of those whose environment, arguments or working folder names the folder. */
export function processesOf(dataDir: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => namesFolder(pid, dataDir))
    .map(Number);
}

function namesFolder(pid: string, dataDir: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir) ||
      readFileSync(`/proc/${pid}/environ`, 'utf8').includes(dataDir) ||
      readlinkSync(`/proc/${pid}/cwd`).startsWith(dataDir)
    );
  } catch {
    return false; // gone
  }
}
