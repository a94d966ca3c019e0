// How long the advisory lock of a stopped process stays held, and that of a killed one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { ConnectionParts } from '../../src/store/database.ts';
import type { Stage } from '../support/bench.ts';
import { connect } from '../support/postgres.ts';

const ADVISORY = 4_712;
const PAUSED_MS = 20_000;

export async function measurePausedHolder(
  stage: Stage,
  connection: ConnectionParts,
): Promise<void> {
  const { clock } = stage.kit;
  const program = `
    const pg = require(${JSON.stringify(createRequire(import.meta.url).resolve('pg'))});
    const client = new pg.Client(${JSON.stringify(connection)});
    client.connect()
      .then(() => client.query('select pg_advisory_lock(${ADVISORY})'))
      .then(() => process.stdout.write('held'));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  stage.onEnd(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const admin = await connect(connection);
  const isFree = async (): Promise<boolean> => {
    const { rows } = await admin.query<{ readonly got: boolean }>(
      `select pg_try_advisory_lock(${ADVISORY}) as got`,
    );
    return rows[0]?.got === true;
  };
  child.kill('SIGSTOP');
  await clock.sleep(PAUSED_MS, stage.signal);
  const freeWhilePaused = await isFree();
  const killedMs = clock.monotonicMs();
  child.kill('SIGKILL');
  while (!(await isFree())) await clock.sleep(1);
  const freedMs = Math.round(clock.monotonicMs() - killedMs);
  await admin.end();
  stage.print();
  stage.print(
    `The advisory lock of a process: ${freeWhilePaused ? 'free' : 'held'} ` +
      `${PAUSED_MS / 1_000} s after SIGSTOP, free ${freedMs} ms after SIGKILL.`,
  );
}
