import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../../../test/support/manual-clock.ts';
import { createEngine, type Engine } from './engine.ts';
import type { EngineCall, Transport } from './transport.ts';

/** An engine that gives these answers, by the path that is asked for, and what it was asked. */
function engineThat(answers: Readonly<Record<string, unknown>>): {
  readonly engine: Engine;
  readonly asked: EngineCall[];
} {
  const asked: EngineCall[] = [];
  const transport: Transport = {
    address: { text: 'unix:///docker.sock', connection: { socketPath: '/docker.sock' } },
    call: (call) => {
      asked.push(call);
      return Promise.resolve(answers[call.path]);
    },
    stream: (call, onLine) => {
      asked.push(call);
      for (const line of answers[call.path] as readonly string[]) onLine(line);
      return Promise.resolve();
    },
  };
  return { engine: createEngine(createManualClock(), transport), asked };
}

describe('an engine', () => {
  it('is given up soon when it says nothing to a look around', async () => {
    const { engine, asked } = engineThat({ '/containers/json': [], '/volumes': {} });
    await engine.listContainers({});
    await engine.listVolumes({});
    // A ready check's silence is judged after agent_timeout, a minute where it is not set.
    for (const { silenceMs } of asked) expect(silenceMs).toBeLessThan(30_000);
    expect(asked).toHaveLength(2);
  });

  it('tells the own name of a container that others have links to', async () => {
    const container = { Id: 'c', Names: ['/web/db', '/own'], State: 'running', Labels: null };
    const { engine } = engineThat({ '/containers/json': [container] });
    expect(await engine.listContainers({})).toMatchObject([{ id: 'c', name: 'own', labels: {} }]);
  });

  it('is asked for little of what a container has printed, and more of it is not kept', async () => {
    const flood = ['curl\r', 'x'.repeat(100_000), ...Array.from({ length: 100_000 }, () => '')];
    const { engine, asked } = engineThat({ '/containers/c/logs': flood });
    const lines = await engine.readOutput('c');
    expect(lines[0]).toBe('curl');
    expect(lines.join('\n').length).toBeLessThanOrEqual(1_000);
    expect(asked[0]?.query).toMatchObject({ tail: '20' });
  });
});
