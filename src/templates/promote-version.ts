// Making a version the active one. Its pools fill, those of the former one drain, in the turns that
// the notices start.
import { AppError } from '../base/app-error.ts';
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { tellPools, type Operator } from '../pools/operation.ts';
import type { Transaction } from '../store/database.ts';
import {
  findVersion,
  listPoolsOfVersions,
  retryValidation,
  type VersionRow,
} from '../store/template-version.ts';
import { activateVersion } from '../store/template.ts';
import { lockTemplate, type TemplateRef } from './lock-template.ts';

export interface Promotion {
  readonly template: TemplateRef;
  readonly version: string;
  readonly by: Operator;
}

/**
 * Gives the pools concerned. Of the version that is the active one already, it lets parameters be tried
 * again that did not fit. Throws NOT_FOUND, and VERSION_NOT_IMPORTED unless its import succeeded.
 */
export async function promoteVersion(
  kit: Kit,
  tx: Transaction,
  { template, version: name, by }: Promotion,
): Promise<readonly PoolId[]> {
  const version = await findVersion(tx, template.id, name);
  if (version === undefined) {
    throw new AppError('NOT_FOUND', `template "${template.name}" has no version "${name}"`);
  }
  await lockTemplate(tx, template);
  // While the former one still is the active one.
  const poolIds = await listPoolsOfVersions(tx, template.id, version.id);
  if (!(await activateVersion(tx, template.id, version.id))) {
    throw new AppError(
      'VERSION_NOT_IMPORTED',
      `version "${name}" of template "${template.name}" has no successful import: it ${describeImport(version)}`,
    );
  }
  await retryValidation(tx, version.id);
  const reason = `version ${name} is the active one`;
  await tellPools(kit, tx, { poolIds, kind: 'promoted', by, reason });
  return poolIds;
}

function describeImport({ importStatus, importError }: VersionRow): string {
  return importError === null ? `is ${importStatus}` : `${importStatus}: ${importError}`;
}
