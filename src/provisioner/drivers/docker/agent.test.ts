import { describe, expect, it } from 'vitest';
import { createAgents } from './agent.ts';
import type { Engine, Exec, Process } from './engine/engine.ts';
import { EngineAway, EngineRefusal } from './engine/transport.ts';
import { containerLabels, type AgentRuntime } from './mark.ts';

const PROGRAM = '/opt/standby/agent.mjs';
const SHELL_PROGRAM = '/opt/standby/agent.sh';
const MARK = { daemon: 'd', workspaceId: 'w', madeBy: { jobId: 'j', attempt: 1 } };
const containerWith = (runtime: AgentRuntime) => ({
  id: 'c',
  labels: containerLabels(MARK, {
    ...{ fingerprint: '', ports: {}, ownPort: null, ready: null, runtime },
    ...{ agents: ['main', 'second'], url: 'http://control:7850' },
  }),
});
const CONTAINER = containerWith('node');

/** An engine that runs agents, and what it was asked for. */
function engineWith(top: () => Promise<readonly Process[]>) {
  const execs: Exec[] = [];
  const started: string[] = [];
  let tops = 0;
  const engine: Pick<Engine, 'createExec' | 'detachExec' | 'listExecs' | 'listProcesses'> = {
    createExec: (_container, { command }) => {
      execs.push({ command, isRunning: true, exitCode: null });
      started.push(command[2] ?? '');
      return Promise.resolve(String(execs.length));
    },
    detachExec: () => Promise.resolve(),
    listExecs: () => Promise.resolve(execs),
    listProcesses: () => {
      tops += 1;
      return top();
    },
  };
  return { agents: createAgents(engine as Engine), execs, started, tops: () => tops };
}

describe('agents of a container', () => {
  it('are looked for among its processes only while the engine does not list them all', async () => {
    const { agents, execs, started, tops } = engineWith(() => Promise.resolve([]));
    await agents.ensure(CONTAINER);
    expect([started, tops()]).toEqual([['main', 'second'], 1]);
    await agents.ensure(CONTAINER);
    expect([started, tops()]).toEqual([['main', 'second'], 1]);
    execs.splice(0, 1, { command: ['node', PROGRAM, 'main'], isRunning: false, exitCode: 1 });
    await agents.ensure(CONTAINER);
    expect([started, tops()]).toEqual([['main', 'second', 'main'], 2]);
  });

  it('are not started twice where an engine has forgotten them', async () => {
    const living = { command: `node ${PROGRAM} main`, isChild: false };
    const { agents, started } = engineWith(() => Promise.resolve([living]));
    await agents.ensure(CONTAINER);
    expect(started).toEqual(['second']);
  });

  it('are started again although a worker of one that was killed lives on', async () => {
    const worker = { command: `sh ${SHELL_PROGRAM} main`, isChild: true };
    const { agents, execs } = engineWith(() => Promise.resolve([worker]));
    await agents.ensure(containerWith('shell'));
    expect(execs.map(({ command }) => command)).toEqual([
      ['sh', SHELL_PROGRAM, 'main'],
      ['sh', SHELL_PROGRAM, 'second'],
    ]);
  });

  it('of containers from before there was a shell agent run on Node.js', async () => {
    const { labels, id } = CONTAINER;
    const { runtime: _none, ...rest } = JSON.parse(labels['standby.container'] ?? '') as Record<
      string,
      unknown
    >;
    const { agents, execs } = engineWith(() => Promise.resolve([]));
    await agents.ensure({ id, labels: { ...labels, 'standby.container': JSON.stringify(rest) } });
    expect(execs[0]?.command).toEqual(['node', PROGRAM, 'main']);
  });

  it.each([
    ['without ps', new EngineRefusal(500, 'exec: "ps": executable file not found in $PATH')],
    ['behind a proxy that forbids it', new EngineRefusal(403, 'forbidden')],
  ])('are started where the engine does not list processes: %s', async (_what, refusal) => {
    const { agents, started } = engineWith(() => Promise.reject(refusal));
    await agents.ensure(CONTAINER);
    expect(started).toEqual(['main', 'second']);
  });

  it.each([
    ['has ended', new EngineRefusal(409, 'container c is not running'), undefined],
    ['cannot be asked', new EngineAway('nothing was heard'), 'nothing was heard'],
  ])('are not started in one that %s', async (_what, error, thrown) => {
    const { agents, started } = engineWith(() => Promise.reject(error));
    const said = await agents
      .ensure(CONTAINER)
      .catch((reason: unknown) => (reason as Error).message);
    expect([started, said]).toEqual([[], thrown]);
  });
});
