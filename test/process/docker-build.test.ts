// The images that the docker driver builds of templates.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ImageRecipe } from '../../src/provisioner/drivers/docker/engine/engine.ts';
import { BUSYBOX, hasDocker } from '../support/docker-engine.ts';
import { useDockerGround } from '../support/docker-ground.ts';
import { dockerManifest } from '../support/docker-home.ts';

describe.runIf(hasDocker())('the docker driver', () => {
  const ground = useDockerGround();
  const { build, start, read, context } = ground;

  describe('builds an image', () => {
    it('of a Dockerfile in the template, once', async () => {
      await mkdir(path.join(ground.scratch, 'template'));
      await writeFile(
        path.join(ground.scratch, 'template/Dockerfile'),
        `FROM ${BUSYBOX}\nCOPY hello /page/hello\nRUN echo built > /page/built\nCMD httpd -f -p 8080 -h /page\n`,
      );
      await writeFile(path.join(ground.scratch, 'template/hello'), 'hello');
      const manifest = dockerManifest({ image: null, build: './Dockerfile', command: null });
      const made = build(manifest);
      ground.lines.length = 0;
      await ground.driver.check(made.template, context());
      expect(ground.lines.join('\n')).toContain('RUN echo built');
      ground.lines.length = 0;
      const { url } = await start(made);
      expect(ground.lines).toEqual([]);
      expect(await read(url, 'hello')).toBe('hello');
      expect(await read(url, 'built')).toBe('built\n');
    });

    it('within the limits and the network of its workspaces', async () => {
      await mkdir(path.join(ground.scratch, 'template'));
      const memory =
        'cat /sys/fs/cgroup/memory.max || cat /sys/fs/cgroup/memory/memory.limit_in_bytes';
      const cpus = 'cat /sys/fs/cgroup/cpu.max || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us';
      await writeFile(
        path.join(ground.scratch, 'template/Dockerfile'),
        `FROM ${BUSYBOX}\nRUN ${memory}\nRUN ${cpus}\nRUN ls /sys/class/net\n`,
      );
      const limits = { memory_bytes: 64 * 1024 ** 2, cpus: 0.5, processes: 64 };
      const settings = { image: null, build: 'Dockerfile', limits, network: 'none' };
      const recipes: ImageRecipe[] = [];
      await ground.reopen({
        engine: {
          ...ground.engine.engine,
          buildImage: (files, recipe, work) => {
            recipes.push(recipe);
            return ground.engine.engine.buildImage(files, recipe, work);
          },
        },
      });
      ground.lines.length = 0;
      await ground.driver.check(build(dockerManifest(settings)).template, context());
      expect(ground.lines).toContain(String(64 * 1024 ** 2));
      expect(ground.lines.join('\n')).toMatch(/^50000( 100000)?$/m);
      expect(recipes).toMatchObject([{ network: 'bridge' }]);
      const refused = build(dockerManifest({ ...settings, network: 'secret' }));
      await expect(ground.driver.check(refused.template, context())).rejects.toMatchObject({
        code: 'TEMPLATE_REFUSED',
      });
      expect(recipes).toHaveLength(1);
    });

    it('and tells why it cannot', async () => {
      await mkdir(path.join(ground.scratch, 'template'));
      await writeFile(
        path.join(ground.scratch, 'template/Dockerfile'),
        `FROM ${BUSYBOX}\nRUN exit 7\n`,
      );
      const manifest = dockerManifest({ image: null, build: 'Dockerfile' });
      await expect(ground.driver.check(build(manifest).template, context())).rejects.toMatchObject({
        code: 'TEMPLATE_REFUSED',
        detail: expect.stringContaining('returned a non-zero code: 7') as string,
      });
    });
  });
});
