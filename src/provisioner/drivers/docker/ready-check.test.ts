import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../../test/support/manual-clock.ts';
import type { Container, Engine, Exec } from './engine/engine.ts';
import { EngineRefusal } from './engine/transport.ts';
import { containerLabels, containerName } from './mark.ts';
import { checkOf } from './ready-check.ts';

const WORKSPACE = '01890000-0000-7000-8000-000000000001';
const SIGNAL = new AbortController().signal;

/** A container whose ready check is a command, and what the engine knows of those that ran there. */
function worldWithCommand(): {
  readonly isReady: () => Promise<boolean>;
  readonly execs: Map<string, Exec>;
} {
  const execs = new Map<string, Exec>();
  const engine: Pick<Engine, 'createExec' | 'readExec' | 'runExec'> = {
    createExec: (_container, { command }) => {
      const id = `exec-${execs.size}`;
      execs.set(id, { command, isRunning: true, exitCode: null });
      return Promise.resolve(id);
    },
    runExec: (id) => {
      execs.set(id, { command: [], isRunning: false, exitCode: 0 });
      return Promise.resolve();
    },
    readExec: (id) => {
      const exec = execs.get(id);
      if (exec === undefined) return Promise.reject(new EngineRefusal(404, 'no such exec'));
      return Promise.resolve(exec);
    },
  };
  const container: Container = {
    id: 'c',
    name: containerName(WORKSPACE, 'running'),
    state: 'running',
    labels: containerLabels(
      { daemon: 'd', workspaceId: WORKSPACE, madeBy: { jobId: 'j', attempt: 1 } },
      {
        fingerprint: '',
        ports: {},
        ownPort: null,
        ready: {
          http: null,
          tcp: null,
          command: ['true'],
          interval_seconds: 600,
          timeout_seconds: 5,
        },
        agents: [],
        url: '',
      },
    ),
  };
  const deps = {
    clock: createManualClock(),
    engine: engine as Engine,
    publishAddress: '127.0.0.1',
  };
  const checked = checkOf(deps, container);
  if (checked === undefined) throw new Error('the container has a check');
  return { execs, isReady: () => checked.isReady(SIGNAL) };
}

describe('a ready check by a command', () => {
  it('goes on when the engine has forgotten the run before', async () => {
    const { isReady, execs } = worldWithCommand();
    expect(await isReady()).toBe(true);
    execs.clear();
    expect(await isReady()).toBe(true);
  });

  it('is not made while the run before goes on', async () => {
    const { isReady, execs } = worldWithCommand();
    await isReady();
    execs.set('exec-0', { command: [], isRunning: true, exitCode: null });
    expect(await isReady()).toBe(false);
    expect(execs.size).toBe(1);
  });
});
