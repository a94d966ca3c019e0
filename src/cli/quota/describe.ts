// The quota of an organization in words.
import type { QuotaView } from '../../contract/quota/schema.ts';
import { sentence } from '../show/harmless.ts';

export function describeQuota(quota: QuotaView): string {
  const { organization, enforced, currencies, mine, pools, overspent } = quota;
  return [
    enforced
      ? sentence`Quota is on in ${organization}.\n`
      : sentence`Quota is off in ${organization}: everybody may spend as much as they like.\n`,
    sentence`You spend ${amount(mine.daily_use)} of ${amount(mine.daily_budget)} a day.\n`,
    sentence`The pools spend ${amount(pools.daily_use)} of ${amount(pools.daily_budget)} a day, and need up to ${amount(pools.daily_need)}.\n`,
    ...lackOfPools(quota),
    ...(currencies.length < 2
      ? []
      : [
          sentence`Templates cost in several currencies, and amounts are added up as they are: ${currencies.join(', ')}\n`,
        ]),
    ...(overspent ?? []).map(
      (one) =>
        sentence`${one.username} spends ${amount(one.daily_use)} of ${amount(one.daily_budget)}, and starts nothing more that costs anything while quota is on.\n`,
    ),
  ].join('');
}

function lackOfPools({ organization, pools }: QuotaView): readonly string[] {
  if (pools.daily_need <= pools.daily_budget) return [];
  const need = amount(pools.daily_need);
  return [
    sentence`While quota is on they stay smaller than asked for: standby group set prebuilt-workspaces --org ${organization} --allowance ${need}\n`,
  ];
}

function amount(units: number): string {
  return units.toFixed(2);
}
