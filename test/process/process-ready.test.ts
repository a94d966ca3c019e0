// The ready checks that the process driver makes.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Manifest, ReadyCheck } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { sampleWorkspace } from '../support/acquired-job.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { inWorkspace } = world;

beforeEach(() => world.open());

const build = (manifest: Partial<Manifest>): Build =>
  world.build(manifest, sampleWorkspace({ parameters: { evil: 'no harm' } }));

describe('a ready check', () => {
  const check = (of: Partial<ReadyCheck>): Partial<Manifest> => ({
    ready: {
      ...{ http: null, tcp: null, command: null, interval_seconds: 0.1, timeout_seconds: 600 },
      ...of,
    },
  });
  const becomesReady = (made: Build): Promise<void> =>
    until(async () => expect(await world.reportOf(made)).toMatchObject({ ready: true }));

  it('that hangs delays no other', async () => {
    const hanging = build(check({ http: '/hang' }));
    await world.home.writeServer(`
      require('node:http').createServer((q, r) => {
        if (q.url === '/hang') require('node:fs').writeFileSync('asked', '');
        else r.end();
      }).listen(Number(process.env.PORT), '127.0.0.1');`);
    await world.start(hanging);
    await until(() => stat(inWorkspace(hanging, 'files', 'asked')));
    const made = build(check({ http: '/' }));
    await world.start(made);
    await becomesReady(made);
    expect(await world.reportOf(hanging)).toMatchObject({ ready: false });
  });

  it('takes a redirection for an answer', async () => {
    await world.home.writeServer(`
      require('node:http').createServer((_, r) => r.writeHead(302, { location: '/x' }).end())
        .listen(Number(process.env.PORT), '127.0.0.1');`);
    const made = build(check({ http: '/' }));
    await world.start(made);
    await becomesReady(made);
  });

  it('of a port is ready when that is listened to', async () => {
    const made = build(check({ tcp: null }));
    await world.start(made);
    await becomesReady(made);
  });

  it('by a command runs as the workspace does, and leaves none of its processes', async () => {
    const command = `echo x >> rounds; [ "$HOME" = "$PWD" ] && [ -n "$STANDBY_PARAMETER_EVIL" ] || exit
      [ -e go ] || { sleep 600 & sleep 600; }`;
    const made = build(check({ command: ['sh', '-c', command], timeout_seconds: 0.2 }));
    const { url } = await world.start(made);
    await until(() => fetch(url ?? ''));
    const rounds = async (): Promise<string> =>
      readFile(inWorkspace(made, 'files', 'rounds'), 'utf8');
    await until(async () => expect((await rounds()).length).toBeGreaterThan(8));
    expect(world.home.living().length).toBeLessThan(7);
    await writeFile(inWorkspace(made, 'files', 'go'), '');
    await becomesReady(made);
  });
});
