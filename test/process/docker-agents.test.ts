// Containers with agents, as the docker driver starts and keeps them.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasDocker } from '../support/docker-engine.ts';
import { useDockerGround } from '../support/docker-ground.ts';
import { dockerManifest } from '../support/docker-home.ts';

describe.runIf(hasDocker())('the docker driver', () => {
  const ground = useDockerGround();
  const { build, next, start, read, context } = ground;

  describe('with agents', () => {
    const agents = [
      {
        name: 'main',
        startup: null,
        on_claim: null,
        startup_timeout_seconds: 60,
        on_claim_timeout_seconds: 60,
      },
    ];
    const PROGRAMS = { node: import.meta.filename, shell: import.meta.filename };
    const reachable = { access_url: 'http://192.0.2.1:7850' };

    it('says that their control plane cannot be reached from inside', async () => {
      const made = build(dockerManifest({}, { agents }), { access_url: 'http://127.0.0.1:7850' });
      await expect(start(made)).rejects.toMatchObject({
        code: 'BUILD_FAILED',
        hint: expect.stringContaining('STANDBY_ACCESS_URL') as string,
      });
      expect(await ground.home.remains()).toEqual([]);
    });

    it('starts none beside one that lives on while the engine is started anew', async () => {
      const image = path.join(ground.scratch, 'image');
      await cp(ground.engine.busybox, image, { recursive: true, verbatimSymlinks: true });
      // What it runs is told by its command line alone, as with Node.js.
      const node =
        '#!/bin/sh\n[ "$1" = -e ] && exit\necho "$2" >> /data/agents\nwhile :; do sleep 1; done\n';
      await writeFile(path.join(image, 'bin/node'), node, { mode: 0o755 });
      await ground.engine.importImage('standby-test/agents:1', image);
      await mkdir(path.join(ground.scratch, 'template'));
      await ground.engine.halt();
      await ground.engine.resume({ 'live-restore': true });
      await ground.reopen({ agentPrograms: PROGRAMS });
      const two = [...agents, ...agents.map((agent) => ({ ...agent, name: 'second' }))];
      const made = build(
        dockerManifest({ image: 'standby-test/agents:1' }, { agents: two }),
        reachable,
      );
      const { url } = await start(made);
      expect(await read(url, 'agents')).toMatch(/^(main\nsecond|second\nmain)\n$/);

      await ground.engine.halt();
      await ground.engine.resume({ 'live-restore': true });
      await start(next(made, {}));
      expect(await read(url, 'agents')).toMatch(/^(main\nsecond|second\nmain)\n$/);
      await ground.driver.delete(next(made, {}), context());
      await ground.engine.halt();
      await ground.engine.resume();
    });
  });
});
