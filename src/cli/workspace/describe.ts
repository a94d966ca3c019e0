// A workspace in words.
import type { CreateWorkspaceAnswer, WorkspaceView } from '../../contract/workspace/schema.ts';

/** How to reach it: its `url`, else every connection detail. Empty when there is none. */
export function describeOpening({ outputs }: WorkspaceView): string {
  const { url } = outputs;
  if (url !== undefined) return url;
  return Object.entries(outputs)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

const MISSES: Readonly<Record<NonNullable<CreateWorkspaceAnswer['reason']>, string>> = {
  no_pool: 'no preset with prebuilds matches the request',
  parameters: 'its parameters differ from those of the prebuilds',
  quota: 'the quota does not allow a prebuilt one',
  paused: 'the pool is paused',
  validation_failed: "the preset's parameters do not fit the template",
  hard_limited: 'the last builds of the pool failed',
  all_expired: 'all prebuilds have expired',
  none_ready: 'no prebuild is ready yet',
  empty: 'the pool was empty',
};

/** Whether it was waiting, and if not, why not. */
export function describeClaim({ claimed, reason }: CreateWorkspaceAnswer): string {
  if (claimed) return 'claimed from the pool';
  return reason === null ? 'built for you' : `built for you: ${MISSES[reason]}`;
}
