import { describe, expect, it } from 'vitest';
import { createManualClock, settle } from '../../../../test/support/manual-clock.ts';
import { createKit } from '../../../base/kit.ts';
import { silentLog } from '../../../base/log.ts';
import { createAgentRuntimes } from './agent-runtime.ts';
import type { Container, Engine } from './engine/engine.ts';
import { EngineAway } from './engine/transport.ts';
import { containerLabels, containerName } from './mark.ts';

const WORKSPACE = '01890000-0000-7000-8000-000000000001';
const IMAGE = { image: 'image', path: undefined };
const live = new AbortController().signal;

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
  const clock = createManualClock();
  const kit = { ...createKit(silentLog), clock };
  const runtimes = createAgentRuntimes(kit, engine, () => Promise.resolve('d'));
  return { clock, containers, engine, runtimes };
}

function untilAborted(_id: string, signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  );
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
    const removeContainer = engine.removeContainer.bind(engine);
    engine.removeContainer = () => Promise.reject(new EngineAway('it starts anew'));
    expect(await runtimes.of(IMAGE, live)).toBe('node');
    expect(containers.size).toBe(1);
    engine.removeContainer = removeContainer;
    await runtimes.sweep();
    expect(containers.size).toBe(0);
  });

  it('are limited in what they take, and what a Node.js says is not read', async () => {
    const specs: unknown[] = [];
    const { engine, runtimes } = engineWith({ awaitEnd: () => Promise.resolve(1) });
    const createContainer = engine.createContainer.bind(engine);
    engine.createContainer = (name, spec) => {
      specs.push(spec);
      return createContainer(name, spec);
    };
    let reads = 0;
    engine.readOutput = () => {
      reads += 1;
      return Promise.resolve(['curl']);
    };
    await expect(runtimes.of(IMAGE, live)).rejects.toMatchObject({ code: 'TEMPLATE_REFUSED' });
    expect(specs).toHaveLength(2);
    for (const spec of specs) {
      expect(spec).toMatchObject({
        HostConfig: {
          ...{ PidsLimit: 128, Memory: 256 * 1024 ** 2, MemorySwap: 256 * 1024 ** 2 },
          LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
        },
      });
    }
    expect(reads).toBe(1);
  });

  it('refuse an image whose program does not end', async () => {
    const { clock, containers, runtimes } = engineWith({ awaitEnd: untilAborted });
    const refused = expect(runtimes.of(IMAGE, live)).rejects.toMatchObject({
      code: 'TEMPLATE_REFUSED',
      detail: expect.stringContaining('its `node` has not ended within 10 s') as string,
    });
    await settle();
    expect(containers.size).toBe(1);
    await clock.advance(10_000);
    await refused;
    expect(containers.size).toBe(0);
  });

  it('are not repeated for a minute after a refusal, but of another image', async () => {
    const { signal } = new AbortController();
    const looked: string[] = [];
    let imageId = 'sha256:slow';
    const { clock, engine, runtimes } = engineWith({
      findImage: () => Promise.resolve(imageId),
      awaitEnd: untilAborted,
    });
    const createContainer = engine.createContainer.bind(engine);
    engine.createContainer = (name, spec) => {
      looked.push(imageId);
      return createContainer(name, spec);
    };
    const refusal = { code: 'TEMPLATE_REFUSED' };
    const waiting = [1, 2].map(() =>
      expect(runtimes.of(IMAGE, signal)).rejects.toMatchObject(refusal),
    );
    await settle();
    await clock.advance(10_000);
    await Promise.all(waiting);
    await clock.advance(59_999);
    await expect(runtimes.of(IMAGE, signal)).rejects.toMatchObject(refusal);
    expect(looked).toEqual(['sha256:slow']);
    engine.awaitEnd = () => Promise.resolve(0);
    imageId = 'sha256:mended';
    expect(await runtimes.of(IMAGE, signal)).toBe('node');
    imageId = 'sha256:slow';
    await clock.advance(1);
    expect(await runtimes.of(IMAGE, signal)).toBe('node');
    expect(looked).toEqual(['sha256:slow', 'sha256:mended', 'sha256:slow']);
  });

  it('that an engine ends are no refusal', async () => {
    const { signal } = new AbortController();
    const { engine, runtimes } = engineWith({
      awaitEnd: () => Promise.reject(new EngineAway('it starts anew')),
    });
    await expect(runtimes.of(IMAGE, signal)).rejects.toThrow('it starts anew');
    engine.awaitEnd = () => Promise.resolve(0);
    expect(await runtimes.of(IMAGE, signal)).toBe('node');
  });

  it('keep nobody who is canceled, and go on for others', async () => {
    const ends: (() => void)[] = [];
    const { clock, runtimes } = engineWith({
      awaitEnd: () => new Promise((resolve) => ends.push(() => resolve(0))),
    });
    const canceled = new AbortController();
    const one = runtimes.of(IMAGE, canceled.signal);
    const other = runtimes.of(IMAGE, live);
    await settle();
    canceled.abort(new Error('canceled'));
    await expect(one).rejects.toThrow('canceled');
    for (const end of ends) end();
    expect(await other).toBe('node');
    expect([ends.length, clock.sleeping()]).toEqual([1, 0]);
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
