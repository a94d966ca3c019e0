// What becomes of a sandbox that does not answer when it is tried.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { identifyProcess } from '../../src/base/process-identity.ts';
import { createSandbox } from '../../src/provisioner/drivers/process/sandbox/sandbox.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

it('is waited for ten seconds, or as long as its job is wanted, and then ended', async () => {
  await using folder = await makeTemporaryFolder();
  const bwrap = path.join(folder.path, 'bwrap');
  await writeFile(bwrap, `#!/bin/sh\necho $$ >> ${folder.path}/pids\nexec sleep 600\n`);
  await chmod(bwrap, 0o755);
  const clock = createManualClock();
  const place = { clock, environment: { PATH: folder.path }, hidden: [folder.path] };
  const tried = async (count: number): Promise<void> => {
    await until(async () => {
      const pids = await readFile(path.join(folder.path, 'pids'), 'utf8');
      expect(pids.trim().split('\n')).toHaveLength(count);
    });
  };

  const making = createSandbox(place);
  await tried(1);
  await clock.advance(10_000);
  const sandbox = await making;
  expect(sandbox.summary).toBe('no sandbox');

  const late = sandbox.open('bubblewrap');
  const refused = expect(late).rejects.toThrow(
    'SANDBOX_UNAVAILABLE: there is no sandbox on this machine: bwrap did not answer within 10 seconds',
  );
  await tried(2);
  await clock.advance(10_000);
  await refused;

  const job = new AbortController();
  const canceled = sandbox.open('bubblewrap', job.signal);
  await tried(3);
  job.abort(new Error('not wanted any more'));
  await expect(canceled).rejects.toThrow('not wanted any more');

  const pids = (await readFile(path.join(folder.path, 'pids'), 'utf8')).trim().split('\n');
  await until(() => expect(pids.filter((pid) => identifyProcess(Number(pid)))).toEqual([]));
});
