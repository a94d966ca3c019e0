// `standby pool invalidate`
import { poolRoutes } from '../../../contract/pool/route.ts';
import { defineCommand } from '../../command.ts';
import { CHANGE_OPTIONS, runChange } from '../../pool/change.ts';
import { POOL_ARGUMENT } from '../../pool/read.ts';

export const command = defineCommand({
  name: 'pool invalidate',
  summary: 'have every prebuild of a pool replaced (administrators)',
  description:
    'For when what they were built from has changed: none of those that a daemon has begun by now is ' +
    'handed to anybody any more.',
  arguments: { pool: POOL_ARGUMENT },
  options: CHANGE_OPTIONS,
  examples: ['standby pool invalidate hello/small --dry-run'],
  run: (context, values) =>
    runChange(context, values, {
      becomes: 'invalidated',
      ask: (client, asked) => client.call(poolRoutes.invalidatePool, asked),
    }),
});
