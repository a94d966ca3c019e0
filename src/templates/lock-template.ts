// The locks of whatever changes what becomes of a template: its pools, then itself.
import { AppError } from '../base/app-error.ts';
import type { TemplateId } from '../base/id.ts';
import type { Transaction } from '../store/database.ts';
import { lockLiveTemplate, lockPoolsOfTemplate } from '../store/template.ts';

export interface TemplateRef {
  readonly id: TemplateId;
  readonly name: string;
}

/**
 * A turn of any of its pools that is under way is decided before this, every later one after it. Throws
 * NOT_FOUND for a template that was deleted meanwhile.
 */
export async function lockTemplate(tx: Transaction, { id, name }: TemplateRef): Promise<void> {
  await lockPoolsOfTemplate(tx, id);
  if (!(await lockLiveTemplate(tx, id))) {
    throw new AppError('NOT_FOUND', `there is no template "${name}"`);
  }
}
