// The ready checks that the process driver makes.
import { readFile, stat, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { Manifest, ReadyCheck } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { layoutOf } from '../../src/provisioner/drivers/process/layout.ts';
import { isReady } from '../../src/provisioner/drivers/process/ready-check.ts';
import { sampleWorkspace } from '../support/acquired-job.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { inWorkspace } = world;

/** Whether the machine goes on looking who lives, once a second. */
let looks: 'on' | 'ending' | 'off';

beforeEach(() => {
  looks = 'on';
  const sleep: typeof systemClock.sleep = async (ms, signal) => {
    if (ms === 1_000 && looks === 'ending') looks = 'off';
    await systemClock.sleep(ms, signal);
    if (ms === 1_000 && looks === 'off') await sleep(ms, signal);
  };
  return world.open({ clock: { ...systemClock, sleep } });
});

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

  it('is made in no workspace that is stopped, also before the next look tells of that', async () => {
    const command = ['sh', '-c', 'echo >> rounds; setsid sleep 600 & exit 1'];
    const often = check({ command, interval_seconds: 0.02 });
    const [made, other] = [build(often), build(often)];
    const roundsOf = async (one: Build): Promise<number> =>
      (await readFile(inWorkspace(one, 'files', 'rounds'), 'utf8')).length;
    await world.start(made);
    await world.start(other);
    for (const one of [made, other]) await until(() => roundsOf(one));
    looks = 'ending';
    await until(() => expect(looks).toBe('off'));
    await world.stop(made);
    const [rounds, others] = [await roundsOf(made), await roundsOf(other)];
    await until(async () => expect(await roundsOf(other)).toBeGreaterThan(others + 10));
    expect(await roundsOf(made)).toBe(rounds);
    expect(world.home.living(made.workspace.id)).toEqual([]);
  });

  it('says nothing where nothing may be started any more', async () => {
    const made = build(check({ command: ['true'] }));
    await world.start(made);
    await becomesReady(made);
    const { ready } = made.template.manifest;
    if (ready === null) throw new Error('it has a check');
    const layout = layoutOf(inWorkspace(made));
    const workspace = { check: ready, port: 1, layout, groups: world.home.groups };
    const { signal } = new AbortController();
    expect(await isReady({ ...workspace, isWanted: () => false }, signal)).toBe(undefined);
    expect(await isReady({ ...workspace, isWanted: () => true }, signal)).toBe(true);
  });

  it('is made anew after a stop and a start between two looks', async () => {
    const made = build(check({ http: '/' }));
    await world.start(made);
    await becomesReady(made);
    looks = 'ending';
    await until(() => expect(looks).toBe('off'));
    await world.stop(made);
    await world.start(made);
    expect(await world.reportOf(made)).toMatchObject({ state: 'running', ready: false });
    looks = 'on';
    await becomesReady(made);
  });
});
