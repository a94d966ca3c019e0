// What people and pools may spend, and do.
import { z } from 'zod';
import { amountView } from '../group/schema.ts';

const spending = { daily_budget: amountView, daily_use: amountView };

export const quotaView = z
  .object({
    organization: z.string(),
    /** False: everybody may spend as much as they like. */
    enforced: z.boolean(),
    /** Those of active templates; amounts are added up as they are, whatever they are of. */
    currencies: z.array(z.string()),
    /** The caller's own. */
    mine: z.object(spending),
    /** `daily_need`: with every pool as large as anything ever wants it. */
    pools: z.object({ ...spending, daily_need: amountView }),
    /** People who spend more than they may, or would; null for who may not know. At most 100. */
    overspent: z.array(z.object({ username: z.string(), ...spending })).nullable(),
  })
  .meta({ id: 'Quota' });

export const enforceQuotaBody = z.strictObject({ enforced: z.boolean() });

export type QuotaView = z.output<typeof quotaView>;
