// A job that prints 200 MB: through the daemon, HTTP and the database, as every log goes.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProvisionerHandlers } from '../../src/api/provisioner/handlers.ts';
import { createTemplateHandlers } from '../../src/api/template/handlers.ts';
import { createClient } from '../../src/client/client.ts';
import { templateRoutes } from '../../src/contract/template/route.ts';
import { createHttpControlPlane } from '../../src/provisioner/control-plane.ts';
import { createDaemon, type Daemon } from '../../src/provisioner/daemon.ts';
import type { Driver } from '../../src/provisioner/driver.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { nothingFirst } from '../support/precedence.ts';
import { archiveOf, manifestText } from '../support/pushed-template.ts';
import { DEAF } from '../support/queue.ts';
import { RECONCILER_OPTIONS } from '../support/reconcile.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const MB = 1_000_000;
const LINES = 200_000;
/** What waits in the daemon, what is on its way, and room: an eighth of what is printed. */
const FLAT_BYTES = 25 * MB;

let test: TestApi;
let scratch: TemporaryFolder;
let daemon: Daemon | undefined;

beforeAll(async () => {
  scratch = await makeTemporaryFolder();
  test = await startTestApi({
    handlers: (deps) => ({
      ...createTemplateHandlers(deps, RECONCILER_OPTIONS),
      ...createProvisionerHandlers(
        {
          ...{ ...deps, bus: DEAF, precedence: nothingFirst },
          ...{ bootstrapToken: () => 'sba_x', accessUrl: 'http://127.0.0.1:1' },
        },
        {
          ...{ heartbeatIntervalMs: 1_000, reportIntervalMs: 15_000, logLimitBytes: MB },
          dispatch: { pollMs: 50, maxCreations: null },
        },
      ),
    }),
  });
});
afterAll(async () => {
  await daemon?.stop('the test is over', 5_000);
  await test[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

describe('a job that prints 200 MB', () => {
  it('completes, says where its log is cut, and leaves memory flat', async () => {
    const used: number[] = [];
    const flood: Driver = {
      name: 'null',
      check: async (_template, context) => {
        for (let line = 0; line < LINES; line += 1) {
          context.log('info', `${line} ${'x'.repeat(MB / 1_000)}`);
          if (line % 1_000 === 0) await setImmediate();
          if (line % 20_000 === 0) used.push(usedBytes());
        }
      },
      start: async () => ({ outputs: {} }),
      stop: async () => undefined,
      delete: async () => undefined,
      undo: async () => undefined,
    };
    daemon = createDaemon(test.kit, {
      ...{ folder: scratch.path, name: 'd', version: '1', tags: {}, concurrency: 1, drainMs: 0 },
      controlPlane: createHttpControlPlane(
        createClient({ url: test.url, token: test.provisionerKey }),
      ),
      drivers: [flood],
    });
    await daemon.start();
    const { body } = await test.admin.call(templateRoutes.pushVersion, {
      params: { organization: 'default', template: 'flood' },
      query: {},
      body: archiveOf(manifestText('flood')),
    });
    await until(async () => {
      const [job] = await test.sql('select status, log_truncated from jobs where id = $1', [
        body.import_job.id,
      ]);
      expect(job).toEqual(['succeeded', true]);
    });
    const log = await test.sql(
      'select line from job_logs where job_id = $1 order by attempt, seq',
      [body.import_job.id],
    );
    expect(log.at(-1)).toEqual([expect.stringMatching(/^the log ends here: .* limit of /)]);
    expect(log.length).toBeLessThan(1_100);
    expect(Math.max(...used) - (used[0] ?? 0)).toBeLessThan(FLAT_BYTES);
  });
});

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** What is in use, and not merely left lying about. */
function usedBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
