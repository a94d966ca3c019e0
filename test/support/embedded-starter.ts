// A program that starts the embedded PostgreSQL, says so on its standard output in JSON lines, and
// waits to be killed. Tests bundle it, as Standby is, and run it as whoever they like.
import { createKit } from '../../src/base/kit.ts';
import { createLog } from '../../src/base/log.ts';
import { toAppError } from '../../src/base/app-error.ts';
import { startEmbeddedPostgres } from '../../src/embedded/server.ts';

const [dataDir = '', binDir] = process.argv.slice(2);
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const { outcome, connection } = await startEmbeddedPostgres(createKit(createLog('silent')), {
    dataDir,
    binDir,
    // Only processes are killed, never the machine; waiting for the disk would prove nothing.
    settings: { fsync: 'off' },
    onProgress: say,
  });
  say({ kind: 'ready', outcome, connection });
  process.stdin.resume(); // until it is killed, or the test closes it
} catch (error) {
  const { code, detail, hint } = toAppError(error);
  say({ kind: 'failed', code, detail, hint });
}
