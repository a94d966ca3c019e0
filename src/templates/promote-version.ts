// Making a version the active one. Its pools fill, those of the former one drain, in the next passes
// that the notices start.
import { AppError } from '../base/app-error.ts';
import type { Database } from '../store/database.ts';
import {
  findVersion,
  listPoolsOfVersions,
  retryValidation,
  type VersionRow,
} from '../store/template-version.ts';
import { activateVersion, lockPoolsOfTemplate, type TemplateRow } from '../store/template.ts';

/** Throws NOT_FOUND, and VERSION_NOT_IMPORTED unless the version's import succeeded. */
export async function promoteVersion(
  database: Database,
  template: TemplateRow,
  versionName: string,
): Promise<void> {
  await database.transaction(async (tx) => {
    const version = await findVersion(tx, template.id, versionName);
    if (version === undefined) {
      throw new AppError(
        'NOT_FOUND',
        `template "${template.name}" has no version "${versionName}"`,
      );
    }
    // Before anything is written: a pool that is being decided is decided before or after this.
    await lockPoolsOfTemplate(tx, template.id);
    // While the former one still is the active one.
    const poolIds = await listPoolsOfVersions(tx, template.id, version.id);
    if (!(await activateVersion(tx, template.id, version.id))) {
      throw new AppError(
        'VERSION_NOT_IMPORTED',
        `version "${versionName}" of template "${template.name}" has no successful import: it ${describeImport(version)}`,
      );
    }
    await retryValidation(tx, version.id);
    tx.notify(...poolIds.map((poolId) => ({ kind: 'pool', poolId }) as const));
  });
}

function describeImport({ importStatus, importError }: VersionRow): string {
  return importError === null ? `is ${importStatus}` : `${importStatus}: ${importError}`;
}
