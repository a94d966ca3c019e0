// One server process: start it and see it become ready, stop it, notice that it ended.
import { once } from 'node:events';
import { identifyProcess, isSameProcess, type ProcessIdentity } from '../base/process-identity.ts';
import type { Kit } from '../base/kit.ts';
import type { StopResult } from '../base/service.ts';
import { spawnAs, type ServerAccount } from './account.ts';
import type { Layout } from './layout.ts';
import { findPostmaster, readPidFile, type PidFile } from './pid-file.ts';
import { openServerLog } from './server-log.ts';
import { commandLineSettings } from './settings.ts';
import type { Software } from './software.ts';

export interface Postmaster {
  readonly identity: ProcessIdentity;
  readonly port: number;
  readonly socketFolder: string;
}

export interface LaunchRequest {
  readonly layout: Layout;
  readonly account: ServerAccount;
  readonly software: Software;
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Called now and then while the server is not ready yet: after a crash it first recovers. */
  readonly onWaiting: (waitedMs: number) => void;
}

export type Launch =
  | { readonly kind: 'ready'; readonly postmaster: Postmaster }
  /** It ended before it was ready; `output` is what it logged. */
  | { readonly kind: 'ended'; readonly output: string };

/** Started, or shutting down after a stop, the server is looked at this often. */
const POLL_MS = 20;
/** A server that runs is looked at this often to see whether it still does. */
const WATCH_MS = 500;
const WAITING_NOTICE_MS = 2_000;
/** Fast shutdown ends sessions and writes one checkpoint: seconds, also on a slow disk. */
const ABANDON_DEADLINE_MS = 30_000;

export async function launchPostmaster(kit: Kit, request: LaunchRequest): Promise<Launch> {
  const { layout, account, software, settings } = request;
  const log = await openServerLog(layout.logFile);
  try {
    const child = spawnAs(
      account,
      [software.binaries.postgres, '-D', layout.cluster, ...commandLineSettings(settings)],
      { stdio: ['ignore', log.handle.fd, log.handle.fd] },
    );
    try {
      await once(child, 'spawn');
    } catch (error) {
      return { kind: 'ended', output: (error as Error).message };
    }
    child.unref(); // the server may outlive this process
    const identity = identifyProcess(child.pid ?? 0);
    const postmaster = identity && (await seeItReady(kit, identity, request));
    return postmaster === undefined
      ? { kind: 'ended', output: await log.readNew() }
      : { kind: 'ready', postmaster };
  } finally {
    await log.handle.close();
  }
}

/** The server that runs on the cluster, whoever started it, ready or not. */
export async function findRunning(
  layout: Layout,
): Promise<{ readonly identity: ProcessIdentity; readonly file: PidFile } | undefined> {
  const file = await readPidFile(layout.cluster);
  const identity = file === undefined ? undefined : findPostmaster(file);
  return file === undefined || identity === undefined ? undefined : { identity, file };
}

/** The server once it accepts connections, or undefined when it ended before that. */
export async function waitUntilReady(
  kit: Kit,
  identity: ProcessIdentity,
  request: Pick<LaunchRequest, 'layout' | 'signal' | 'onWaiting'>,
): Promise<Postmaster | undefined> {
  const { layout, signal, onWaiting } = request;
  const since = kit.clock.monotonicMs();
  let noticeAt = since + WAITING_NOTICE_MS;
  // Without a limit: recovery takes as long as there is log to replay, and who gave up on it would
  // only begin anew. The caller may abort.
  while (isSameProcess(identity)) {
    const file = await readPidFile(layout.cluster);
    if (file?.pid === identity.pid && file.status === 'ready') {
      if (file.socketFolder === undefined || file.port === undefined) {
        throw new Error(`postmaster.pid names no socket: ${file.text}`);
      }
      return { identity, port: file.port, socketFolder: file.socketFolder };
    }
    const now = kit.clock.monotonicMs();
    if (now >= noticeAt) {
      onWaiting(now - since);
      noticeAt = now + WAITING_NOTICE_MS;
    }
    await kit.clock.sleep(POLL_MS, signal);
  }
  return undefined;
}

/**
 * Ends all sessions and the server (PostgreSQL's fast shutdown); it is never killed. At the deadline
 * the answer is `deadline`, and the server goes on shutting down.
 */
export async function stopPostmaster(
  kit: Kit,
  identity: ProcessIdentity,
  deadlineMs: number,
): Promise<StopResult> {
  const deadlineAt = kit.clock.monotonicMs() + deadlineMs;
  if (isSameProcess(identity)) interrupt(identity.pid);
  while (isSameProcess(identity)) {
    if (kit.clock.monotonicMs() >= deadlineAt) return 'deadline';
    await kit.clock.sleep(POLL_MS);
  }
  return 'stopped';
}

/** Resolves when the server has ended; rejects when aborted. */
export async function waitUntilGone(
  kit: Kit,
  identity: ProcessIdentity,
  signal: AbortSignal | undefined,
): Promise<void> {
  while (isSameProcess(identity)) await kit.clock.sleep(WATCH_MS, signal);
}

async function seeItReady(
  kit: Kit,
  identity: ProcessIdentity,
  request: LaunchRequest,
): Promise<Postmaster | undefined> {
  try {
    return await waitUntilReady(kit, identity, request);
  } catch (error) {
    await stopPostmaster(kit, identity, ABANDON_DEADLINE_MS);
    throw error;
  }
}

function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
