// The hit: one prebuilt workspace changes hands.
import { createId, type BuildId, type JobId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { insertBuilds } from '../store/build.ts';
import { takePrebuild } from '../store/claim.ts';
import type { Transaction } from '../store/database.ts';
import type { Order } from './order.ts';

export type Taking =
  | { readonly kind: 'taken'; readonly workspaceId: WorkspaceId }
  | {
      readonly kind: 'none';
      /** `unwanted`: there is no preset; `nothing`: the pool has none to give. */
      readonly because: 'unwanted' | 'no_pool' | 'parameters' | 'nothing';
    };

export async function takeWorkspace(kit: Kit, tx: Transaction, order: Order): Promise<Taking> {
  const { request, requester, wanted, bodyHash, resolveMs } = order;
  const { preset } = wanted;
  if (preset === undefined) return { kind: 'none', because: 'unwanted' };
  if (preset.poolId === null) return { kind: 'none', because: 'no_pool' };
  if (wanted.difference === 'immutable') return { kind: 'none', because: 'parameters' };
  const taken = await takePrebuild[preset.claimOrder].maybe(tx, {
    presetId: preset.id,
    userId: requester.userId,
    name: request.name,
    claimId: createId(kit),
    eventId: createId(kit),
    idempotencyKey: request.idempotencyKey ?? null,
    bodyHash,
    resolveMs,
  });
  if (taken === undefined) return { kind: 'none', because: 'nothing' };
  const { workspaceId, poolId } = taken;
  if (needsBuild(order)) await insertClaimBuild(kit, tx, { order, taken });
  // The pool refills at once, and agents that wait learn of their owner.
  tx.notify({ kind: 'pool', poolId }, { kind: 'workspace', workspaceId });
  return { kind: 'taken', workspaceId };
}

/** An instant template's workspace is usable as it is, unless other parameters were asked for. */
function needsBuild({ wanted }: Order): boolean {
  return wanted.manifest.claim === 'apply' || wanted.difference !== 'none';
}

interface Claimed {
  readonly order: Order;
  readonly taken: {
    readonly workspaceId: WorkspaceId;
    readonly machineId: string | null;
    readonly buildNumber: number;
  };
}

async function insertClaimBuild(kit: Kit, tx: Transaction, claimed: Claimed): Promise<void> {
  const { taken } = claimed;
  const { requester, wanted } = claimed.order;
  const { organizationId, manifest } = wanted;
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(kit),
      jobId: createId<JobId>(kit),
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
      driver: manifest.driver,
      tags: manifest.tags,
      machineId: taken.machineId,
      jobClass: 1,
    },
  ]);
  tx.notify({ kind: 'queue', organizationId, driver: manifest.driver });
}
