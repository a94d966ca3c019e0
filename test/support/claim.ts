// A claim without HTTP: the statement that takes a prebuild, and the build that hands it over.
import {
  createId,
  type BuildId,
  type JobId,
  type UserId,
  type WorkspaceId,
} from '../../src/base/id.ts';
import type { Kit } from '../../src/base/kit.ts';
import { insertBuilds } from '../../src/store/build.ts';
import { takePrebuilds, type TakeRequest } from '../../src/store/claim-take.ts';
import type { Database } from '../../src/store/database.ts';
import type { TestPool } from './factory.ts';

export interface TestClaim {
  readonly pool: TestPool;
  readonly userId: UserId;
  readonly name: string;
}

export function takeRequestOf(kit: Kit, { pool, userId, name }: TestClaim): TakeRequest {
  return {
    presetId: pool.presetId,
    userId,
    isAdmin: true,
    isWithinQuota: false,
    name,
    claimId: createId(kit),
    eventId: createId(kit),
    isToProve: false,
    idempotencyKey: null,
    bodyHash: Buffer.alloc(32),
    resolveMs: 0,
    priority: 0,
    ...{ ttlSeconds: null, lifetimeSeconds: null, idleStopSeconds: null },
    ...{ dormantAfterSeconds: null, deleteDormantAfterSeconds: null },
  };
}

/** Undefined when the pool has none to give. */
export function claimOne(
  database: Database,
  kit: Kit,
  { pool, userId, name }: TestClaim,
): Promise<WorkspaceId | undefined> {
  return database.transaction(async (tx) => {
    const [taken] = await takePrebuilds(tx, 'oldest', [takeRequestOf(kit, { pool, userId, name })]);
    if (taken === undefined) return undefined;
    await insertBuilds(tx, [
      {
        id: createId<BuildId>(kit),
        jobId: createId<JobId>(kit),
        workspaceId: taken.workspace.id,
        organizationId: pool.organizationId,
        number: taken.buildNumber + 1,
        transition: 'start',
        stage: 'claim',
        reason: 'claim',
        versionId: pool.versionId,
        presetId: pool.presetId,
        initiatorId: userId,
        parameters: {},
        secretParametersId: null,
        driver: pool.manifest.driver,
        tags: {},
        machineId: taken.machineId,
        jobClass: 1,
      },
    ]);
    tx.notify({ kind: 'pool', poolId: taken.poolId });
    return taken.workspace.id;
  });
}
