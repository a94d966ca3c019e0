// Groups, and amounts of money.
import { z } from 'zod';
import { MAX_UNITS } from '../../domain/quota/amount.ts';
import { idField, nameField, timeField } from '../field.ts';

const AMOUNT = 'A day, in units of the currency that the templates name';

export const amountView = z.number().meta({ description: AMOUNT });

const amountField = z
  .number()
  .min(0)
  .max(MAX_UNITS)
  .refine((units) => Number.isInteger(Number((units * 100).toFixed(6))), {
    message: 'must have at most two decimals',
  })
  .meta({ description: AMOUNT });

export const groupView = z
  .object({
    id: idField,
    name: z.string(),
    display_name: z.string(),
    daily_allowance: amountView,
    member_count: z.int(),
    created_at: timeField,
  })
  .meta({ id: 'Group' });

export const groupDetail = z
  .object({ ...groupView.shape, members: z.array(z.string()) })
  .meta({ id: 'GroupDetail' });

const displayNameField = z.string().max(128);

export const createGroupBody = z.strictObject({
  name: nameField,
  display_name: displayNameField.optional(),
  /** 0 unless given. */
  daily_allowance: amountField.optional(),
});

export const changeGroupBody = z.strictObject({
  display_name: displayNameField.optional(),
  daily_allowance: amountField.optional(),
});

export type GroupView = z.output<typeof groupView>;
export type GroupDetail = z.output<typeof groupDetail>;
