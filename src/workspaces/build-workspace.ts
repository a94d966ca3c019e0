// The cold way: a workspace of one's own, built while its owner waits.
import { createId, type AgentId, type BuildId, type JobId, type WorkspaceId } from '../base/id.ts';
import { planAgents } from '../domain/workspace/planned-agents.ts';
import { insertAgents, insertBuilds, insertWorkspaces } from '../store/build.ts';
import type { Transaction } from '../store/database.ts';
import { grantHabits } from './life/grant-habits.ts';
import { grantLife } from './life/grant-life.ts';
import type { CreateDeps, Order } from './order.ts';
import { recordMissOf, type Miss } from './miss.ts';
import { storeOwnerValues } from './owner-values.ts';
import { storeSecretParameters } from './secret-parameters.ts';

/** It has an owner from the start, so its first epoch is the one after nobody's. */
const FIRST_EPOCH = 1;

export async function buildWorkspace(
  deps: CreateDeps,
  tx: Transaction,
  { order, miss }: { readonly order: Order; readonly miss: Miss | undefined },
): Promise<WorkspaceId> {
  const { request, requester, wanted } = order;
  const { organizationId, templateId, manifest } = wanted;
  const workspaceId = createId<WorkspaceId>(deps);
  insertWorkspaces(tx, [
    {
      id: workspaceId,
      organizationId,
      ownerId: requester.userId,
      templateId,
      name: request.name,
      origin: 'user',
      poolId: null,
      epoch: FIRST_EPOCH,
      granted: grantLife(request, manifest),
    },
  ]);
  await grantHabits(tx, workspaceId, request);
  storeOwnerValues(deps, tx, { values: request.values, workspaceId, epoch: FIRST_EPOCH });
  await insertBuilds(tx, [
    {
      id: createId<BuildId>(deps),
      jobId: createId<JobId>(deps),
      workspaceId,
      organizationId,
      number: 1,
      transition: 'start',
      stage: 'none',
      reason: 'create',
      versionId: wanted.versionId,
      presetId: wanted.preset?.id ?? null,
      initiatorId: requester.userId,
      parameters: wanted.parameters,
      secretParametersId: storeSecretParameters(deps, tx, { workspaceId, wanted }),
      driver: manifest.driver,
      tags: manifest.tags,
      machineId: null,
      jobClass: 2,
    },
  ]);
  insertAgents(
    tx,
    planAgents(manifest).map((agent) => ({ ...agent, id: createId<AgentId>(deps), workspaceId })),
  );
  if (miss !== undefined) {
    recordMissOf(deps, tx, { order, miss, made: { workspaceId, epoch: FIRST_EPOCH } });
  }
  tx.notify({ kind: 'queue', organizationId, driver: manifest.driver });
  return workspaceId;
}
