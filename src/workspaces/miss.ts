// The miss: why no prebuilt workspace could be handed over. Every one is recorded, because demand is
// what was asked for, not what could be served.
import { AppError } from '../base/app-error.ts';
import { createId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { decideMissReason, type MissReason } from '../domain/claim/miss-reason.ts';
import { explainMiss, recordMiss } from '../store/claim.ts';
import type { Transaction } from '../store/database.ts';
import type { Order } from './order.ts';
import type { Taking } from './take-workspace.ts';

export interface Miss {
  readonly reason: MissReason;
  /** How many are being built. */
  readonly starting: number;
  /** There are some to hand over, but others who wait go first. */
  readonly isBehind: boolean;
  /** There are some to hand over, and nobody goes first: they were locked, or left for somebody served since. */
  readonly isThere: boolean;
  /** When the first of them may be there, from how long builds of this pool take; null: unknown. */
  readonly estimateMs: number | null;
}

/** What a request that wants nothing but a prebuilt one is answered with. */
export interface Refusal {
  readonly refused: AppError;
}

const NOT_LOOKED_FOR = { starting: 0, isBehind: false, isThere: false, estimateMs: null } as const;

type Because = Extract<Taking, { readonly kind: 'none' }>['because'];

/** Undefined when no preset was wanted: then nothing was missed. */
export async function explain(
  tx: Transaction,
  { request, wanted: { preset } }: Order,
  because: Because,
): Promise<Miss | undefined> {
  if (because === 'unwanted' || preset === undefined) return undefined;
  if (because !== 'nothing') {
    return { reason: because, ...NOT_LOOKED_FOR };
  }
  const { starting, buildMs, eligible, waiting, ...pool } = await explainMiss.one(tx, {
    presetId: preset.id,
    priority: request.priority,
  });
  const reason = decideMissReason({
    hasPool: true,
    parametersFit: true,
    withinQuota: true,
    ...pool,
  });
  return {
    ...{ reason, starting },
    isBehind: waiting > 0 && eligible > 0,
    isThere: waiting === 0 && eligible > 0,
    // Those who wait get what is being built first.
    estimateMs: starting > waiting ? buildMs : null,
  };
}

const NOT_LOOKED_AT = {
  paused: false,
  presetStatus: 'healthy',
  hardLimited: false,
  running: 0,
  expired: 0,
} as const;

/** As `explain`, for who may not spend what it costs: then nothing is looked for. */
export function explainExcess({ wanted: { preset, difference } }: Order): Miss | undefined {
  if (preset === undefined) return undefined;
  const reason = decideMissReason({
    hasPool: preset.poolId !== null,
    parametersFit: difference !== 'immutable',
    withinQuota: false,
    ...NOT_LOOKED_AT,
  });
  return { reason, ...NOT_LOOKED_FOR };
}

export function recordMissOf(
  kit: Kit,
  tx: Transaction,
  recorded: {
    readonly order: Order;
    readonly miss: Miss;
    /** Null: nothing was made in its place. */
    readonly made: { readonly workspaceId: WorkspaceId; readonly epoch: number } | null;
  },
): void {
  const { order, miss, made } = recorded;
  recordMiss.later(tx, {
    claimId: createId(kit),
    eventId: createId(kit),
    organizationId: order.wanted.organizationId,
    templateId: order.wanted.templateId,
    userId: order.requester.userId,
    poolId: order.wanted.preset?.poolId ?? null,
    preset: order.wanted.preset?.name ?? '',
    workspaceId: made?.workspaceId ?? null,
    epoch: made?.epoch ?? null,
    reason: miss.reason,
    resolveMs: order.resolveMs,
  });
}

/** Records the miss; the error is for after the commit, which keeps the record. */
export function recordRefusal(
  kit: Kit,
  tx: Transaction,
  { order, miss }: { readonly order: Order; readonly miss: Miss },
): Refusal {
  recordMissOf(kit, tx, { order, miss, made: null });
  const { template } = order.request;
  const preset = order.wanted.preset?.name ?? '';
  return {
    refused: new AppError('POOL_EMPTY', {
      detail: `pool ${template}/${preset} has nothing to hand over: ${miss.reason}`,
      fields: {
        reason: miss.reason,
        starting: miss.starting,
        estimate_seconds: miss.estimateMs === null ? null : Math.ceil(miss.estimateMs / 1000),
      },
    }),
  };
}
