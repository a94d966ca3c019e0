// What docs/adr/0010-the-lease-saves-work.md weighs: how leadership is held, and how a pool is locked.
import { defineBench } from './support/bench.ts';
import { startPostgres, tellPostgres } from './support/postgres.ts';
import { measureHolders } from './leader-lock/holder.ts';
import { measurePausedHolder } from './leader-lock/paused-holder.ts';
import { measurePoolLocks } from './leader-lock/pool-lock.ts';

export const bench = defineBench({
  name: 'leader-lock',
  summary: 'what holding leadership costs a busy queue, and which pool lock is exact; 7 min',
  run: async (stage) => {
    const connection = await startPostgres(stage, {
      autovacuum_naptime: '1s',
      autovacuum_vacuum_cost_delay: '0',
      // The disk's speed is not the question here.
      synchronous_commit: 'off',
    });
    await tellPostgres(stage, connection);
    await measureHolders(stage, connection);
    await measurePausedHolder(stage, connection);
    await measurePoolLocks(stage, connection);
  },
});
