// Deleting a template: its pools drain, its name is free again, and workspaces of people stay: they can
// still be stopped and deleted.
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { tellPools, type Operator } from '../pools/operation.ts';
import type { Transaction } from '../store/database.ts';
import { listLivePools, markDeleted } from '../store/template.ts';
import { lockTemplate, type TemplateRef } from './lock-template.ts';

/** Gives the pools concerned. Throws NOT_FOUND. */
export async function deleteTemplate(
  kit: Kit,
  tx: Transaction,
  { template, by }: { readonly template: TemplateRef; readonly by: Operator },
): Promise<readonly PoolId[]> {
  await lockTemplate(tx, template);
  const poolIds = await listLivePools(tx, template.id);
  await markDeleted(tx, template.id);
  tellPools(kit, tx, { poolIds, kind: 'template_deleted', by, reason: null });
  return poolIds;
}
