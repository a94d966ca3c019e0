import { describe, expect, it } from 'vitest';
import { createKit } from '../../../base/kit.ts';
import { silentLog } from '../../../base/log.ts';
import { createAgentRuntimes } from './agent-runtime.ts';
import type { Container, Engine } from './engine/engine.ts';
import { EngineAway } from './engine/transport.ts';
import { containerLabels, containerName } from './mark.ts';

const WORKSPACE = '01890000-0000-7000-8000-000000000001';
const kit = createKit(silentLog);

/** An engine that keeps containers. */
function engineWith(change: Partial<Engine> = {}) {
  const containers = new Map<string, Container>();
  const engine = {
    findImage: (name) => Promise.resolve(name),
    createContainer: (name, spec) => {
      const { Labels: labels } = spec as { readonly Labels: Container['labels'] };
      containers.set(name, { id: name, name, state: 'created', labels });
      return Promise.resolve(name);
    },
    startContainer: () => Promise.resolve(),
    awaitEnd: () => Promise.resolve(0),
    readOutput: () => Promise.resolve([]),
    listContainers: (labels) =>
      Promise.resolve(
        [...containers.values()].filter((one) =>
          Object.entries(labels).every(([label, value]) => one.labels[label] === value),
        ),
      ),
    removeContainer: (name) => {
      containers.delete(name);
      return Promise.resolve();
    },
    ...change,
  } as Engine;
  const runtimes = createAgentRuntimes(kit, engine, () => Promise.resolve('d'));
  return { containers, engine, runtimes };
}

describe('looks into images', () => {
  it('are swept by their names: an image may have their label', async () => {
    const { containers, runtimes } = engineWith();
    const name = containerName(WORKSPACE, 'running');
    const labels = { 'standby.daemon': 'd', 'standby.look': 'agent' };
    containers.set(name, { id: name, name, state: 'running', labels });
    const look = { id: 'left', name: 'standby-look-x', state: 'exited', labels };
    containers.set('left', look);
    await runtimes.sweep();
    expect([...containers.keys()]).toEqual([name]);
  });

  it('are swept, and lose nothing that they found, when their removal fails', async () => {
    const { containers, runtimes, engine } = engineWith();
    const { removeContainer } = engine;
    engine.removeContainer = () => Promise.reject(new EngineAway('it starts anew'));
    expect(await runtimes.of('image', undefined)).toBe('node');
    expect(containers.size).toBe(1);
    engine.removeContainer = removeContainer;
    await runtimes.sweep();
    expect(containers.size).toBe(0);
  });

  it('do not lend their label to the container of a workspace', () => {
    const mark = { daemon: 'd', workspaceId: WORKSPACE, madeBy: { jobId: 'j', attempt: 1 } };
    const more = { fingerprint: '', ports: {}, ownPort: null, ready: null, agents: [], url: '' };
    // What the driver does not write comes from the image.
    expect(containerLabels(mark, { ...more, runtime: 'node' })).toHaveProperty(
      ['standby.look'],
      '',
    );
  });
});
