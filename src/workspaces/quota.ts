// What a build or a claim would cost its owner, compared with what they may spend. Asked in the transaction
// that makes it, and only where the organization enforces a quota.
import { AppError } from '../base/app-error.ts';
import type { OrganizationId, UserId, VersionId, WorkspaceId } from '../base/id.ts';
import { formatAmount, toUnits } from '../domain/quota/amount.ts';
import { isWithin } from '../domain/quota/spending.ts';
import { lockQuotas, readQuota } from '../store/quota.ts';
import type { Transaction } from '../store/database.ts';

export interface Expense {
  readonly organizationId: OrganizationId;
  /** Who is to own it. */
  readonly userId: UserId;
  /** What is to be started, */
  readonly versionId: VersionId;
  /** and in which workspace; null: in a new one. */
  readonly workspaceId: WorkspaceId | null;
  /** It runs, and is stopped first: it costs nothing by then, and is paid for anew as a whole. */
  readonly stopsFirst?: boolean;
}

/**
 * The refusal, where it would be more than they may spend. Until the end of the transaction nobody else spends
 * anything of theirs.
 */
export async function findExcess(tx: Transaction, expense: Expense): Promise<AppError | undefined> {
  const { organizationId, userId } = expense;
  await lockQuotas.all(tx, { organizationId, userIds: [userId] });
  return findExcessUnderLock(tx, expense);
}

/** The same for who holds the lock already. */
export async function findExcessUnderLock(
  tx: Transaction,
  { stopsFirst = false, ...expense }: Expense,
): Promise<AppError | undefined> {
  const { budget, present, cost, ...now } = await readQuota.one(tx, expense);
  const { used, added } = stopsFirst
    ? { used: now.used - present, added: cost }
    : { used: now.used, added: cost - present };
  if (isWithin({ budget, used }, added)) return undefined;
  return new AppError('QUOTA_EXCEEDED', {
    detail:
      `this would cost ${formatAmount(added)} a day, and ${formatAmount(used)} of the ` +
      `${formatAmount(budget)} that may be spent a day is used`,
    fields: {
      daily_budget: toUnits(budget),
      daily_use: toUnits(used),
      daily_cost: toUnits(added),
    },
  });
}
