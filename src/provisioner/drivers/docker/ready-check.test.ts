import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../../test/support/manual-clock.ts';
import { until } from '../../../../test/support/until.ts';
import type { ReadyCheck } from '../../../contract/manifest/schema.ts';
import type { Container, Engine, Exec } from './engine/engine.ts';
import { EngineRefusal } from './engine/transport.ts';
import { containerLabels, containerName, type ContainerMark } from './mark.ts';
import { checkOf } from './ready-check.ts';

const WORKSPACE = '01890000-0000-7000-8000-000000000001';
const SIGNAL = new AbortController().signal;

const check = (change: Partial<ReadyCheck>): ReadyCheck => ({
  http: null,
  tcp: null,
  command: null,
  interval_seconds: 600,
  timeout_seconds: 5,
  ...change,
});

function containerWith(ready: ReadyCheck, ports: Readonly<Record<string, number>>): Container {
  const mark = { daemon: 'd', workspaceId: WORKSPACE, madeBy: { jobId: 'j', attempt: 1 } };
  const own: ContainerMark = {
    fingerprint: '',
    ports,
    ownPort: null,
    ready,
    agents: [],
    runtime: 'node',
    url: '',
  };
  const name = containerName(WORKSPACE, 'running');
  return { id: 'c', name, state: 'running', labels: containerLabels(mark, own) };
}

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
  const deps = {
    clock: createManualClock(),
    engine: engine as Engine,
    publishAddress: '127.0.0.1',
  };
  const checked = checkOf(deps, containerWith(check({ command: ['true'] }), {}));
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

describe('a ready check of a port', () => {
  it('is made in the time that it has', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const clock = createManualClock();
    const deps = { clock, engine: {} as Engine, publishAddress: '127.0.0.1' };
    const ready = check({ tcp: 80, timeout_seconds: 0.1 });
    const checked = checkOf(deps, containerWith(ready, { '80': port }));
    const isReady = checked?.isReady(SIGNAL);
    await until(() => expect(clock.sleeping()).toBe(1));
    await clock.advance(99);
    expect(clock.sleeping()).toBe(0);
    expect(await isReady).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });
});
