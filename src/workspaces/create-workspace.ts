// A request for a workspace, served: a prebuilt one where the pool has one, a new one where not.
// One transaction decides and writes; an idempotency key makes a repeated request the same request.
import { createHash } from 'node:crypto';
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import type { WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { MissReason } from '../domain/claim/miss-reason.ts';
import type { Database, Transaction } from '../store/database.ts';
import {
  findIdempotencyKey,
  lockIdempotencyKey,
  recordIdempotencyKey,
} from '../store/idempotency-key.ts';
import { isUniqueViolation } from '../store/sqlstate.ts';
import type { Executor } from '../store/statement.ts';
import { buildWorkspace } from './build-workspace.ts';
import { explain, recordRefusal, type Refusal } from './miss.ts';
import type { Order } from './order.ts';
import { judgeRequest, type Requester, type WorkspaceRequest } from './request.ts';
import { takeWorkspace } from './take-workspace.ts';

export interface CreateDeps extends Kit {
  readonly database: Database;
}

export interface CreatedWorkspace {
  readonly workspaceId: WorkspaceId;
  /** True when a prebuilt one was handed over. */
  readonly claimed: boolean;
  /** Why not, where a preset was wanted. */
  readonly reason: MissReason | null;
}

/**
 * Throws what `judgeRequest` throws, NAME_TAKEN, POOL_EMPTY (when nothing but a prebuilt one is
 * wanted), and IDEMPOTENCY_KEY_REUSED for a key that came with another request before.
 */
export async function createWorkspace(
  deps: CreateDeps,
  requester: Requester,
  request: WorkspaceRequest,
): Promise<CreatedWorkspace> {
  const startedMs = deps.clock.monotonicMs();
  const bodyHash = hashRequest(request);
  const prior = await findPrior(deps.database, requester, { request, bodyHash });
  if (prior !== undefined) return prior;
  const wanted = await judgeRequest(deps.database, requester, request);
  const resolveMs = deps.clock.monotonicMs() - startedMs;
  const order: Order = { requester, request, wanted, bodyHash, resolveMs };
  const served = await serve(deps, order).catch(async (error: unknown) => {
    if (!isCollision(error)) throw error;
    // The same request may have been served meanwhile: its name and its key are taken by itself.
    const same = await findPrior(deps.database, requester, { request, bodyHash });
    if (same !== undefined) return same;
    throw new AppError('NAME_TAKEN', `you already have a workspace named ${request.name}`, {
      cause: error,
    });
  });
  await failpoint('claim.committed');
  if ('refused' in served) throw served.refused;
  return served;
}

function serve(deps: CreateDeps, order: Order): Promise<CreatedWorkspace | Refusal> {
  const { request, requester, wanted, bodyHash } = order;
  return deps.database.transaction(async (tx) => {
    const prior = await awaitPrior(tx, order);
    if (prior !== undefined) return prior;
    const taken = await takeWorkspace(deps, tx, order);
    if (taken.kind === 'taken') {
      return { workspaceId: taken.workspaceId, claimed: true, reason: null };
    }
    const miss = await explain(tx, wanted, taken.because);
    if (miss !== undefined && request.onEmpty === 'fail') {
      return recordRefusal(deps, tx, { order, miss });
    }
    const workspaceId = await buildWorkspace(deps, tx, { order, miss });
    if (request.idempotencyKey !== undefined) {
      const { userId } = requester;
      await recordIdempotencyKey.run(tx, {
        userId,
        key: request.idempotencyKey,
        bodyHash,
        workspaceId,
      });
    }
    return { workspaceId, claimed: false, reason: miss?.reason ?? null };
  });
}

async function findPrior(
  on: Executor,
  { userId }: Requester,
  asked: { readonly request: WorkspaceRequest; readonly bodyHash: Buffer },
): Promise<CreatedWorkspace | undefined> {
  const key = asked.request.idempotencyKey;
  if (key === undefined) return undefined;
  const prior = await findIdempotencyKey.maybe(on, { userId, key });
  if (prior === undefined) return undefined;
  if (!prior.bodyHash.equals(asked.bodyHash)) {
    throw new AppError(
      'IDEMPOTENCY_KEY_REUSED',
      `the idempotency key ${JSON.stringify(key)} came with another request before`,
    );
  }
  const reason = prior.missReason as MissReason | null;
  return { workspaceId: prior.workspaceId, claimed: prior.claimed, reason };
}

/**
 * What the same request, being served at this moment, is answered with. What makes or takes a
 * workspace meets it at the key's row; a refusal writes none, and would deny what the other one got.
 */
async function awaitPrior(
  tx: Transaction,
  { requester, request, bodyHash }: Order,
): Promise<CreatedWorkspace | undefined> {
  const key = request.idempotencyKey;
  if (key === undefined || request.onEmpty !== 'fail') return undefined;
  await lockIdempotencyKey.run(tx, { userId: requester.userId, key });
  return findPrior(tx, requester, { request, bodyHash });
}

function isCollision(error: unknown): boolean {
  return (
    isUniqueViolation(error, 'workspaces_owner_id_name_key') ||
    isUniqueViolation(error, 'idempotency_keys_pkey')
  );
}

/** Of everything that was asked for, whatever order its parts were written in. */
function hashRequest(request: WorkspaceRequest): Buffer {
  const { organization, template, name, preset, onEmpty } = request;
  const parameters = Object.entries(request.parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = [organization, template, name, preset ?? null, parameters, onEmpty];
  return createHash('sha256').update(JSON.stringify(canonical)).digest();
}
