// A notification in words.
import type { NotificationView } from '../../contract/notification/schema.ts';

/** `ann's claim of dev (build 2) lost aws_instance.machine`. */
export function describeNotification({ kind, claim, resources }: NotificationView): string {
  const lost = describeResources(resources);
  switch (kind) {
    case 'claim_replaced':
      return claim === null
        ? `a claim lost ${lost}`
        : `${claim.claimant}'s claim of ${claim.workspace} (build ${claim.build}) lost ${lost}`;
    case 'rehearsal_replaces':
      return `a claim will lose ${lost}`;
  }
}

const NAMED = 3;

function describeResources(resources: NotificationView['resources']): string {
  const named = resources.slice(0, NAMED).map(({ address, paths }) => {
    return paths.length === 0 ? address : `${address} (${paths.join(', ')})`;
  });
  const more = resources.length - named.length;
  return more === 0 ? named.join(', ') : `${named.join(', ')} and ${more} more`;
}
