// Having the prebuilds of all pools of a template replaced.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { tellPools, type Operator } from '../pools/operation.ts';
import type { Transaction } from '../store/database.ts';
import { invalidatePools } from '../store/pool-operation.ts';
import { listLivePools } from '../store/template.ts';
import { lockTemplate, type TemplateRef } from './lock-template.ts';

/** Gives the pools concerned: those that have something, or are to have. Throws NOT_FOUND. */
export async function invalidateTemplate(
  kit: Kit,
  tx: Transaction,
  { template, by }: { readonly template: TemplateRef; readonly by: Operator },
): Promise<readonly PoolId[]> {
  await lockTemplate(tx, template);
  const poolIds = await listLivePools(tx, template.id);
  await invalidatePools.run(tx, { poolIds });
  tellPools(kit, tx, { poolIds, kind: 'invalidated', by, reason: 'with its whole template' });
  return poolIds;
}
