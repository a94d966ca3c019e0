// The end of processes in namespaces of pids of their own, on a machine without control groups: nothing but
// their mark finds them.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { identifyProcess } from '../../src/base/process-identity.ts';
import { NO_LIMITS, type ProcessSettings } from '../../src/contract/manifest/schema.ts';
import { ATTEMPT_MARK, type Build } from '../../src/provisioner/driver.ts';
import {
  ATTEMPT_PROCESSES,
  endLeftoverProcesses,
} from '../../src/provisioner/leftover-processes.ts';
import type { MarkedProcesses } from '../../src/provisioner/marked-process.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const CROWD = 100;

const world = useProcessWorld();

beforeEach(() => world.open({ places: new Map() }));

const build = (script: string, sandbox: ProcessSettings['sandbox'] = 'none'): Build =>
  world.build({
    process: { command: ['sh', '-c', script], environment: {}, limits: NO_LIMITS, sandbox },
  });
const nestedOf = ({ workspace }: Build): readonly number[] => world.home.nested(workspace.id);

/** Gives the pids of those in namespaces of their own. */
async function startWhole(made: Build, count: number): Promise<readonly number[]> {
  await world.start(made);
  await until(() => expect(nestedOf(made).length).toBeGreaterThanOrEqual(count));
  return nestedOf(made);
}
const livingOf = (pids: readonly number[]): readonly number[] =>
  pids.filter((pid) => identifyProcess(pid) !== undefined);

describe.skipIf(!hasTool('unshare'))('a workspace with a namespace of its own', () => {
  const made = () => build('setsid unshare -Urpf sleep 600 & exec sleep 600');

  it('leaves nothing in it behind at its stop', async () => {
    const one = made();
    const pids = await startWhole(one, 1);
    await world.stop(one);
    expect(livingOf(pids)).toEqual([]);
  });

  it('leaves nothing in it behind at its delete', async () => {
    const one = made();
    const pids = await startWhole(one, 1);
    await world.machine.remove(one.workspace.id);
    expect(livingOf(pids)).toEqual([]);
  });
});

describe.skipIf(!hasTool('bwrap'))('a workspace in a sandbox', () => {
  it('has ended with all that it started when its stop is done', async () => {
    const crowd = `n=0; while [ $n -lt ${CROWD} ]; do setsid sleep 600 & n=$((n+1)); done; exec sleep 600`;
    const one = build(crowd, 'bubblewrap');
    const pids = await startWhole(one, CROWD + 1);
    await world.stop(one);
    expect(livingOf(pids)).toEqual([]);
  });
});

describe.skipIf(!hasTool('unshare'))(
  'what an attempt of a daemon’s former life put into a namespace',
  () => {
    it('is ended, although what held it has gone', async () => {
      await using work = await makeTemporaryFolder();
      const attempt = path.join(work.path, 'attempt');
      await mkdir(attempt);
      const env = { ...process.env, [ATTEMPT_MARK]: attempt };
      const holder = spawn('unshare', ['-Urpf', 'sleep', '600'], { env, stdio: 'ignore' });
      const find = (where: keyof MarkedProcesses): readonly number[] =>
        (ATTEMPT_PROCESSES.find(work.path)[where].get(attempt) ?? []).map(({ pid }) => pid);
      await until(() => expect(find('nested')).toHaveLength(1));
      const pids = find('nested');
      onTestFinished(() => {
        for (const pid of livingOf(pids)) process.kill(pid, 'SIGKILL');
      });
      holder.kill('SIGKILL');
      await until(() => expect(find('outside')).toEqual([]));
      expect(livingOf(pids)).toEqual(pids);
      const deps = { clock: systemClock, log: silentLog, processes: ATTEMPT_PROCESSES };
      await endLeftoverProcesses(deps, work.path, new AbortController().signal);
      expect(livingOf(pids)).toEqual([]);
    });
  },
);
