// What an idempotency key stands for: a request that comes again is answered with what it was given before.
import { AppError } from '../base/app-error.ts';
import type { MissReason } from '../domain/claim/miss-reason.ts';
import type { TakenClaim } from '../store/claim-proof.ts';
import type { Transaction } from '../store/database.ts';
import { lockIdempotencyKey } from '../store/idempotency-key.ts';
import type { Order } from './order.ts';
import { readRequest, type ReadRequest } from './request.ts';
import type { Enlisted, Served } from './served.ts';
import { whyOver } from './waiting/why-over.ts';

type Keyed = Pick<Order, 'request' | 'bodyHash'>;

/**
 * Throws IDEMPOTENCY_KEY_REUSED for a key that came with another request before, and why a waiting has ended
 * that the key stands for.
 */
export function answerOfPrior(
  { prior }: ReadRequest,
  { request, bodyHash }: Keyed,
): Served | Enlisted | undefined {
  if (prior === null) return undefined;
  if (prior.bodyHash !== bodyHash.toString('hex')) {
    throw new AppError(
      'IDEMPOTENCY_KEY_REUSED',
      `the idempotency key ${JSON.stringify(request.idempotencyKey)} came with another request before`,
    );
  }
  const { workspaceId, claimed, epochToProve, waiter } = prior;
  if (workspaceId !== null) {
    const reason = prior.missReason as MissReason | null;
    const created = { workspaceId, claimed, reason, isRepeated: true } as const;
    return epochToProve === null ? created : { ...created, epochToProve };
  }
  if (waiter === null) throw new Error('a key stands for neither a workspace nor a waiter');
  const over = whyOver(waiter);
  if (over !== undefined) throw over;
  return { waiterId: waiter.id };
}

/**
 * The key whose other request is waited for before anything is taken. What makes or takes a workspace
 * meets it at the key's row; a refusal writes none, and would deny what the other one got.
 */
export function keyToAwait({ request }: Pick<Order, 'request'>): string | undefined {
  return request.onEmpty === 'fail' ? request.idempotencyKey : undefined;
}

/** What the same request, being served at this moment, is answered with. */
export async function awaitPrior(
  tx: Transaction,
  order: Order,
): Promise<Served | Enlisted | undefined> {
  const key = keyToAwait(order);
  if (key === undefined) return undefined;
  await lockIdempotencyKey.run(tx, { userId: order.requester.userId, key });
  return readPrior(tx, order);
}

export async function readPrior(
  tx: Transaction,
  order: Order,
): Promise<Served | Enlisted | undefined> {
  return answerOfPrior(await readRequest(tx, order.requester, order.request), order);
}

/** The key stands for what did not answer this very request. */
export function isAmong(answer: Served | Enlisted, claims: readonly TakenClaim[]): boolean {
  return (
    'workspaceId' in answer && claims.some(({ workspaceId }) => workspaceId === answer.workspaceId)
  );
}
