import { describe, expect, it } from 'vitest';
import { endAllContainers } from './end-all.ts';
import type { Container, Engine, Volume } from './engine/engine.ts';
import { containerName, labelsOf, volumeName, type Phase } from './mark.ts';
import { survey } from './survey.ts';

const DAEMON = 'd';
const [ONE, OTHER] = [
  '01890000-0000-7000-8000-000000000001',
  '01890000-0000-7000-8000-000000000002',
];

const labels = (workspaceId: string): Container['labels'] =>
  labelsOf({ daemon: DAEMON, workspaceId, madeBy: { jobId: 'j', attempt: 1 } });
const container = (workspaceId: string, phase: Phase, state = 'running'): Container => {
  const name = containerName(workspaceId, phase);
  return { id: name, name, state, labels: labels(workspaceId) };
};

/** What it has, and what it was told to stop. */
function engineWith(
  containers: readonly Container[],
  volumes: readonly Volume[] = [],
): { readonly engine: Engine; readonly stopped: string[] } {
  const stopped: string[] = [];
  const engine: Pick<Engine, 'listContainers' | 'listVolumes' | 'stopContainer'> = {
    listContainers: () => Promise.resolve(containers),
    listVolumes: () => Promise.resolve(volumes),
    stopContainer: (id) => {
      stopped.push(id);
      return Promise.resolve();
    },
  };
  return { engine: engine as Engine, stopped };
}

describe('what an engine has of a workspace', () => {
  it('is what the driver has named, and nothing else that has its labels', async () => {
    const own = container(ONE, 'running');
    const volume = { name: volumeName(ONE, 'data'), labels: labels(ONE) };
    const { engine } = engineWith(
      [
        { ...own, id: 'of its image', name: 'happy_hopper' },
        { ...own, name: `${own.name}-x` },
        own,
      ],
      [{ ...volume, name: volumeName(OTHER, 'data') }, volume],
    );
    const found = await survey(engine, DAEMON);
    expect([...found.keys()]).toEqual([ONE]);
    expect(found.get(ONE)).toMatchObject({ containers: [own], volumes: [volume] });
  });
});

describe('the end of all containers', () => {
  it('is that of half made ones too', async () => {
    const { engine, stopped } = engineWith([
      container(ONE, 'stopped'),
      container(ONE, 'starting'),
      container(OTHER, 'running', 'exited'),
    ]);
    expect(await endAllContainers(engine, DAEMON)).toBe(1);
    expect(stopped.sort()).toEqual([containerName(ONE, 'starting'), containerName(ONE, 'stopped')]);
  });
});
