// Deprecating a template: its pools drain, and nobody can create workspaces of it any more.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { tellPools, type Operator } from '../pools/operation.ts';
import type { Transaction } from '../store/database.ts';
import { listLivePools, storeDeprecated } from '../store/template.ts';
import { lockTemplate, type TemplateRef } from './lock-template.ts';

export interface Deprecation {
  readonly template: TemplateRef;
  readonly by: Operator;
  /** What people are told; empty ends it. */
  readonly message: string;
}

/** Gives the pools concerned. Throws NOT_FOUND. */
export async function deprecateTemplate(
  kit: Kit,
  tx: Transaction,
  { template, by, message }: Deprecation,
): Promise<readonly PoolId[]> {
  await lockTemplate(tx, template);
  const poolIds = await listLivePools(tx, template.id);
  const changed = await storeDeprecated(tx, template.id, message);
  if (changed) {
    const told =
      message === ''
        ? ({ kind: 'undeprecated', reason: null } as const)
        : ({ kind: 'deprecated', reason: message } as const);
    tellPools(kit, tx, { poolIds, by, ...told });
  }
  return poolIds;
}
