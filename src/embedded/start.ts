// From a data folder to a server that accepts connections: find it running, else start it, and make
// it first where there is none. Safe to run twice at once: whoever is second adopts.
import { realpath } from 'node:fs/promises';
import { AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import type { Kit } from '../base/kit.ts';
import { findStanding } from './account-ladder.ts';
import { findBinaries } from './binaries.ts';
import {
  createCluster,
  findCluster,
  giveCluster,
  resetPassword,
  type ExistingCluster,
} from './cluster.ts';
import { failed } from './failure.ts';
import { ensureFolder } from '../base/folder.ts';
import { layoutOf, type Layout } from './layout.ts';
import { createPassword, findPassword } from './password.ts';
import {
  findRunning,
  launchPostmaster,
  waitUntilReady,
  type LaunchRequest,
  type Postmaster,
} from './postmaster.ts';
import { sweepScratchFolders } from './scratch-folder.ts';
import { fixedSettings } from './settings.ts';
import { prepareSocketFolder } from './socket-folder.ts';
import { assertNobodyAnswers, retireStaleLocks } from './stale-lock.ts';

export interface EmbeddedPostgresOptions {
  /** The server's files lie in its folder `postgres`; both are made when missing. */
  readonly dataDir: string;
  /** The folder of another PostgreSQL's `initdb` and `postgres` (15 or newer) instead of ours. */
  readonly binDir?: string | undefined;
  /** Server settings that outrank all others. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Gives the start up; a server that it began to start is stopped again. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (step: StartStep) => void;
}

export type StartStep =
  | { readonly kind: 'creating' }
  | { readonly kind: 'starting' }
  /** The server runs and is not ready yet: it recovers from a crash, or shuts down. */
  | { readonly kind: 'waiting'; readonly waitedMs: number }
  /** Something of a killed server is still alive. */
  | { readonly kind: 'retrying'; readonly because: string };

export interface StartedServer {
  readonly postmaster: Postmaster;
  readonly outcome: 'created' | 'started' | 'adopted';
  readonly password: string;
}

/**
 * How long what a killed server left may stand in the way. Its sessions end within moments, but one
 * in the middle of a long query first comes to the query's end.
 */
const PATIENCE_MS = 30_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;

export async function startServer(
  kit: Kit,
  options: EmbeddedPostgresOptions,
): Promise<StartedServer> {
  const { signal, onProgress = () => undefined } = options;
  const layout = await prepareLayout(options.dataDir);
  await sweepScratchFolders(kit, layout.root);
  const onWaiting = (waitedMs: number): void => onProgress({ kind: 'waiting', waitedMs });
  let prepared: Prepared | undefined;
  let patienceEndsAt: number | undefined;
  const backoff = createBackoff(kit.rng, { firstMs: FIRST_RETRY_MS, maxMs: MAX_RETRY_MS });
  for (;;) {
    const adopted = await adopt(kit, { layout, signal, onWaiting });
    if (adopted !== undefined) return adopted;

    prepared ??= await prepare(kit, layout, options);
    await assertNobodyAnswers(layout);
    onProgress({ kind: 'starting' });
    const launch = await launchPostmaster(kit, { ...prepared.launch, onWaiting });
    if (launch.kind === 'ready') return { ...prepared, postmaster: launch.postmaster };

    const obstacle = findObstacle(launch.output);
    const now = kit.clock.monotonicMs();
    patienceEndsAt ??= now + PATIENCE_MS;
    if (obstacle === undefined || now > patienceEndsAt) {
      throw failed('the server ended while it was starting', launch.output);
    }
    onProgress({ kind: 'retrying', because: obstacle });
    kit.log.info('embedded_postgres.start_retried', { because: obstacle });
    await retireStaleLocks(kit, layout, prepared.socketFolder);
    await kit.clock.sleep(backoff.nextMs(), signal);
  }
}

/** What keeps a server from starting only for a while, in PostgreSQL's words. */
export function findObstacle(output: string): string | undefined {
  return /lock file ".*" already exists|pre-existing shared memory block .* is still in use/.exec(
    output,
  )?.[0];
}

export type AdoptRequest = Pick<LaunchRequest, 'layout' | 'signal' | 'onWaiting'>;

/** The running server of the cluster, once it is ready; undefined when none runs (any more). */
export async function adopt(kit: Kit, request: AdoptRequest): Promise<StartedServer | undefined> {
  const { layout } = request;
  const running = await findRunning(layout);
  if (running === undefined) return undefined;
  const postmaster = await waitUntilReady(kit, running.identity, request);
  if (postmaster === undefined) return undefined;
  const password = await findPassword(layout);
  if (password === undefined) {
    throw new AppError('DATA_FOLDER_UNUSABLE', {
      detail: `${layout.passwordFile} is missing, so the running server cannot be used`,
      hint: `Stop the server (kill -INT ${running.identity.pid}) and start again: a new password is made then.`,
    });
  }
  return { postmaster, outcome: 'adopted', password };
}

interface Prepared {
  readonly launch: Omit<LaunchRequest, 'onWaiting'>;
  readonly outcome: 'created' | 'started';
  readonly password: string;
  readonly socketFolder: string;
}

async function prepare(
  kit: Kit,
  layout: Layout,
  options: EmbeddedPostgresOptions,
): Promise<Prepared> {
  const { binDir, settings = {}, signal, onProgress } = options;
  const cluster = await findCluster(layout);
  assertOwn(layout, cluster);
  const found = await findBinaries(binDir);
  const { account, software } = await findStanding(kit, { layout, found, cluster, signal });
  assertSameVersion(layout, cluster, software.majorVersion);

  const known = await findPassword(layout);
  const password = known ?? (await createPassword(kit, layout));
  const request = { layout, account, software, password, settings, signal };
  if (cluster === undefined) {
    onProgress?.({ kind: 'creating' });
    await createCluster(kit, request);
  } else {
    if (cluster.ownerUid !== account.uid) await giveCluster(layout, account);
    if (known === undefined) await resetPassword(request);
  }
  const socketFolder = await prepareSocketFolder(layout, account);
  return {
    launch: {
      layout,
      account,
      software,
      settings: { ...fixedSettings(socketFolder), ...settings },
      signal,
    },
    outcome: cluster === undefined ? 'created' : 'started',
    password,
    socketFolder,
  };
}

/** Root's server runs as another user, who must be able to pass; nobody else needs to. */
async function prepareLayout(dataDir: string): Promise<Layout> {
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  await ensureFolder(dataDir, mode);
  const layout = layoutOf(await realpath(dataDir));
  await ensureFolder(layout.root, mode);
  return layout;
}

function assertOwn(layout: Layout, cluster: ExistingCluster | undefined): void {
  const uid = process.getuid?.();
  if (cluster === undefined || uid === 0 || cluster.ownerUid === uid) return;
  throw new AppError('DATA_FOLDER_UNUSABLE', {
    detail: `${layout.cluster} belongs to uid ${cluster.ownerUid}, and Standby runs as uid ${uid}`,
    hint: 'Start Standby as that user or as root, or name another data folder in STANDBY_DATA_DIR.',
  });
}

function assertSameVersion(
  layout: Layout,
  cluster: ExistingCluster | undefined,
  majorVersion: number,
): void {
  if (cluster === undefined || cluster.majorVersion === majorVersion) return;
  throw new AppError('EMBEDDED_POSTGRES_UNSUPPORTED', {
    detail: `${layout.cluster} was made by PostgreSQL ${cluster.majorVersion}, and this is PostgreSQL ${majorVersion}`,
    hint: `Name the folder of PostgreSQL ${cluster.majorVersion}'s programs in STANDBY_POSTGRES_BIN_DIR, or move the data over as docs/embedded-postgresql.md describes.`,
  });
}
