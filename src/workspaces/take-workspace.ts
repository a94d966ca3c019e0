// The hit: one prebuilt workspace changes hands.
import { createId, type BuildId, type JobId, type PoolId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { insertBuilds } from '../store/build.ts';
import { takePrebuild } from '../store/claim.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { Notice } from '../store/notice.ts';
import type { Executor } from '../store/statement.ts';
import type { CreateDeps, Order } from './order.ts';
import { storeSecretParameters } from './secret-parameters.ts';

export type Taking =
  | Taken
  | {
      readonly kind: 'none';
      /** `unwanted`: there is no preset; `nothing`: the pool has none to give. */
      readonly because: 'unwanted' | 'no_pool' | 'parameters' | 'nothing';
    };

interface Taken {
  readonly kind: 'taken';
  readonly workspaceId: WorkspaceId;
  readonly poolId: PoolId;
  readonly machineId: string | null;
  /** Of its latest build. */
  readonly buildNumber: number;
}

/** Takes one, and begins the build that hands it over where one is needed. */
export async function takeWorkspace(
  deps: CreateDeps,
  tx: Transaction,
  order: Order,
): Promise<Taking> {
  const taking = await take(deps, tx, order);
  if (taking.kind === 'none') return taking;
  if (needsBuild(order)) await insertClaimBuild(deps, tx, { order, taken: taking });
  tx.notify(...noticesOf(taking));
  return taking;
}

/**
 * Takes one that needs no build, or none. That is a single statement, so it needs no `begin` and no
 * `commit` around it, which are two of four round trips.
 */
export async function takeAtOnce(
  deps: Kit & { readonly database: Database },
  order: Order,
): Promise<Taken | undefined> {
  if (needsBuild(order)) return undefined;
  const taking = await take(deps, deps.database, order);
  if (taking.kind === 'none') return undefined;
  deps.database.announce(noticesOf(taking));
  return taking;
}

async function take(kit: Kit, on: Executor, order: Order): Promise<Taking> {
  const { request, requester, wanted, bodyHash, resolveMs } = order;
  const { preset } = wanted;
  if (preset === undefined) return { kind: 'none', because: 'unwanted' };
  if (preset.poolId === null) return { kind: 'none', because: 'no_pool' };
  if (wanted.difference === 'immutable') return { kind: 'none', because: 'parameters' };
  const taken = await takePrebuild[preset.claimOrder].maybe(on, {
    presetId: preset.id,
    userId: requester.userId,
    isAdmin: requester.isAdmin,
    name: request.name,
    claimId: createId(kit),
    eventId: createId(kit),
    idempotencyKey: request.idempotencyKey ?? null,
    bodyHash,
    resolveMs,
  });
  return taken === undefined ? { kind: 'none', because: 'nothing' } : { kind: 'taken', ...taken };
}

/** The pool refills at once, and agents that wait learn of their owner. */
function noticesOf({ poolId, workspaceId }: Taken): readonly Notice[] {
  return [
    { kind: 'pool', poolId },
    { kind: 'workspace', workspaceId },
  ];
}

/** An instant template's workspace is usable as it is, unless other parameters were asked for. */
function needsBuild({ wanted }: Order): boolean {
  return wanted.manifest.claim === 'apply' || wanted.difference !== 'none';
}

async function insertClaimBuild(
  deps: CreateDeps,
  tx: Transaction,
  { order, taken }: { readonly order: Order; readonly taken: Taken },
): Promise<void> {
  const { requester, wanted } = order;
  const { organizationId, manifest } = wanted;
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(deps),
      jobId: createId<JobId>(deps),
      workspaceId: taken.workspaceId,
      organizationId,
      number: taken.buildNumber + 1,
      transition: 'start',
      stage: 'claim',
      reason: 'claim',
      versionId: wanted.versionId,
      presetId: wanted.preset?.id ?? null,
      initiatorId: requester.userId,
      parameters: wanted.parameters,
      secretParametersId: await storeSecretParameters(deps, tx, { ...taken, wanted }),
      driver: manifest.driver,
      tags: manifest.tags,
      machineId: taken.machineId,
      jobClass: 1,
    },
  ]);
  tx.notify({ kind: 'queue', organizationId, driver: manifest.driver });
}
