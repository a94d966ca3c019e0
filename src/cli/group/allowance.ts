// `--allowance`: what a group lets those in it spend.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { MAX_UNITS } from '../../domain/quota/amount.ts';
import type { TextOption } from '../command.ts';

export const ALLOWANCE_OPTION = {
  kind: 'text',
  value: 'AMOUNT',
  summary: 'what each in it may spend a day, with two decimals at most',
} as const satisfies TextOption;

/** Throws USAGE. */
export function parseAllowance(text: string): number {
  const units = Number(text);
  if (/^\d+(\.\d{1,2})?$/.test(text) && units <= MAX_UNITS) return units;
  throw new AppError('USAGE', {
    detail: `--allowance is ${excerpt(text)}, which is no amount`,
    hint: `Give a number from 0 to ${MAX_UNITS} with two decimals at most, such as 25 or 12.50.`,
  });
}
