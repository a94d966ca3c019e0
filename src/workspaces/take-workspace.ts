// The hit: one prebuilt workspace changes hands.
import { createId, type BuildId, type JobId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { insertBuilds } from '../store/build.ts';
import { noteBuildToCome } from '../store/claim-proof.ts';
import {
  servePrebuild,
  takePrebuilds,
  type ClaimOrder,
  type ServeRequest,
  type TakenPrebuild,
  type TakeRequest,
} from '../store/claim-take.ts';
import type { Transaction } from '../store/database.ts';
import type { Notice } from '../store/notice.ts';
import { grantHabits, hasHabits } from './life/grant-habits.ts';
import { grantLife } from './life/grant-life.ts';
import type { CreateDeps, Order, ServeDeps } from './order.ts';
import { storeOwnerValues } from './owner-values.ts';
import { storeSecretParameters } from './secret-parameters.ts';

export type Taking =
  | (TakenPrebuild & { readonly kind: 'taken' })
  | { readonly kind: 'none'; readonly because: WhyNone };

/**
 * `unwanted`: there is no preset; `no_pool`: it has no pool; `parameters`: others were asked for than it builds
 * with; `nothing`: the pool has none to give.
 */
type WhyNone = 'unwanted' | 'no_pool' | 'parameters' | 'nothing';

/**
 * Takes one, and begins the build that hands it over where one is needed. Where a quota is enforced the caller
 * has asked for it.
 */
export async function takeWorkspace(
  deps: CreateDeps,
  tx: Transaction,
  order: Order,
): Promise<Taking> {
  const isToProve = hasToProve(order);
  const sought = seek(deps, order, { isToProve });
  if (sought.kind === 'none') return sought;
  const [taken] = await takePrebuilds(tx, sought.claimOrder, [sought.request]);
  return handOver(deps, tx, { order, taken, isToProve });
}

/** As takeWorkspace, for who has waited and is next in line. */
export async function takeForWaiter(
  deps: CreateDeps,
  tx: Transaction,
  { order, ...waiter }: { readonly order: Order } & Pick<ServeRequest, 'waiterId' | 'waitedMs'>,
): Promise<Taking> {
  const isToProve = hasToProve(order);
  const sought = seek(deps, order, { isToProve });
  if (sought.kind === 'none') return sought;
  const taken = await servePrebuild(tx, sought.claimOrder, { ...sought.request, ...waiter });
  return handOver(deps, tx, { order, taken, isToProve });
}

/**
 * Takes one that needs nothing but a new owner, or none. That is a single statement, so it needs no `begin` and no
 * `commit` around it, and others' requests go with it.
 */
export async function takeAtOnce(
  deps: ServeDeps,
  order: Order,
): Promise<TakenPrebuild | undefined> {
  const { values } = order.request;
  // What is spent is compared under a lock, and that is held for as long as a transaction.
  if (needsBuild(order) || order.wanted.enforcesQuota) return undefined;
  if (values !== undefined || hasHabits(order.request)) return undefined;
  const sought = seek(deps, order, { isToProve: hasToProve(order) });
  if (sought.kind === 'none') return undefined;
  const taken = await deps.takeTogether[sought.claimOrder](sought.request);
  if (taken !== undefined) deps.database.announce(noticesOf(taken));
  return taken;
}

type Sought =
  | { readonly kind: 'prebuild'; readonly claimOrder: ClaimOrder; readonly request: TakeRequest }
  | { readonly kind: 'none'; readonly because: WhyNone };

function seek(
  kit: Kit,
  { request, requester, wanted, bodyHash, resolveMs }: Order,
  { isToProve }: Pick<TakeRequest, 'isToProve'>,
): Sought {
  const { preset } = wanted;
  if (preset === undefined) return { kind: 'none', because: 'unwanted' };
  if (preset.poolId === null) return { kind: 'none', because: 'no_pool' };
  if (wanted.difference === 'immutable') return { kind: 'none', because: 'parameters' };
  return {
    kind: 'prebuild',
    claimOrder: preset.claimOrder,
    request: {
      presetId: preset.id,
      userId: requester.userId,
      isAdmin: requester.isAdmin,
      isWithinQuota: wanted.enforcesQuota,
      name: request.name,
      claimId: createId(kit),
      eventId: createId(kit),
      isToProve,
      idempotencyKey: request.idempotencyKey ?? null,
      bodyHash,
      resolveMs,
      priority: request.priority,
      ...grantLife(request, wanted.manifest),
    },
  };
}

interface HandOver {
  readonly order: Order;
  readonly taken: TakenPrebuild | undefined;
  /** The build follows the proof: nothing is built on what may turn out to be dead. */
  readonly isToProve: boolean;
}

async function handOver(
  deps: CreateDeps,
  tx: Transaction,
  { order, taken, isToProve }: HandOver,
): Promise<Taking> {
  if (taken === undefined) return { kind: 'none', because: 'nothing' };
  const { id: workspaceId, epoch } = taken.workspace;
  const { values } = order.request;
  storeOwnerValues(deps, tx, { values, workspaceId, epoch });
  await grantHabits(tx, workspaceId, order.request);
  if (needsBuild(order)) {
    const { buildNumber, machineId } = taken;
    if (isToProve) await noteBuildToCome.run(tx, { workspaceId, epoch });
    else await insertClaimBuild(deps, tx, { order, workspaceId, buildNumber, machineId });
  }
  tx.notify(...noticesOf(taken));
  return { kind: 'taken', ...taken };
}

/** The pool refills at once, and agents that wait learn of their owner. */
function noticesOf({ poolId, workspace }: TakenPrebuild): readonly Notice[] {
  return [
    { kind: 'pool', poolId },
    { kind: 'workspace', workspaceId: workspace.id },
    { kind: 'owner', workspaceId: workspace.id },
  ];
}

/** An instant template's workspace is usable as it is, unless other parameters were asked for. */
export function needsBuild({ wanted }: Order): boolean {
  return wanted.manifest.claim === 'apply' || wanted.difference !== 'none';
}

/** Its agents have to answer the claim before anybody is told of it. */
export function hasToProve({ wanted }: Order): boolean {
  return wanted.manifest.agents.length > 0;
}

interface ClaimBuild extends Pick<TakenPrebuild, 'buildNumber' | 'machineId'> {
  readonly order: Order;
  readonly workspaceId: WorkspaceId;
}

export async function insertClaimBuild(
  deps: CreateDeps,
  tx: Transaction,
  { order, workspaceId, buildNumber, machineId }: ClaimBuild,
): Promise<void> {
  const { requester, wanted } = order;
  const { organizationId, manifest } = wanted;
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(deps),
      jobId: createId<JobId>(deps),
      workspaceId,
      organizationId,
      number: buildNumber + 1,
      transition: 'start',
      stage: 'claim',
      reason: 'claim',
      versionId: wanted.versionId,
      presetId: wanted.preset?.id ?? null,
      initiatorId: requester.userId,
      parameters: wanted.parameters,
      secretParametersId: storeSecretParameters(deps, tx, { workspaceId, wanted }),
      driver: manifest.driver,
      tags: manifest.tags,
      machineId,
      jobClass: 1,
    },
  ]);
  tx.notify({ kind: 'queue', organizationId, driver: manifest.driver });
}
