// The agents as they are shipped, one file each: the program, run by a bare node, and the shell one.
import type { ChildProcess } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/base/process-identity.ts';
import { removeTree } from '../../src/base/remove-tree.ts';
import {
  createAgentGround,
  GIVEN,
  killAgent as kill,
  MANIFEST,
  SHELL_AGENTS,
  type AgentCommand,
  type AgentGround,
} from '../support/agent-ground.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';
import { createFakeAgentServer, type FakeAgentServer } from '../support/fake-agent-server.ts';
import { until } from '../support/until.ts';

let programs: Programs;
let ground: AgentGround;
let folder: string;

beforeAll(async () => {
  programs = await buildPrograms();
});

afterAll(() => programs.remove());

const script = (name: string, text: string): Promise<void> => ground.script(name, text);
const start = (server: FakeAgentServer): ChildProcess => ground.start(server);
const claims = (): Promise<string> => ground.read('claims');

const AGENTS: readonly (readonly [name: string, command: () => AgentCommand])[] = [
  ['the agent', () => [process.execPath, programs.agent]],
  ...SHELL_AGENTS.map(({ name, command }) => [name, () => command] as const),
];
describe.each(AGENTS)('%s', (_name, command) => {
  beforeEach(async () => {
    ground = await createAgentGround(command());
    folder = ground.folder;
  });
  afterEach(() => ground.end());

  it('says that it is ready once its startup script has ended well', async () => {
    await script('start.sh', 'until [ -e go ]; do sleep 0.01; done');
    await using server = await createFakeAgentServer({ ...MANIFEST, startup: './start.sh' });
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('starting'));
    await writeFile(path.join(folder, 'go'), '');
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready'));
  });

  it.each([
    ['fails', 'exit 3', 30_000, 'start_error'],
    ['does not end in time', 'sleep 600', 50, 'start_timeout'],
  ])('says so when its startup script %s', async (_what, text, startup_timeout_ms, lifecycle) => {
    await script('start.sh', text);
    const manifest = { ...MANIFEST, startup: './start.sh', startup_timeout_ms };
    await using server = await createFakeAgentServer(manifest);
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe(lifecycle));
  });

  it('hands the workspace to its owner at once and tells that it has', async () => {
    await using server = await createFakeAgentServer({
      ...MANIFEST,
      heartbeat_interval_ms: 60_000,
    });
    start(server);
    await until(() =>
      expect(server.heartbeats.at(-1)).toMatchObject({ lifecycle: 'ready', known_epoch: 0 }),
    );
    // It waits by the very call that told so.
    expect(server.heartbeats[0]).toMatchObject({ known_epoch: 0 });
    const told = server.heartbeats.map(({ lifecycle }) => lifecycle);
    expect(new Set(told).size).toBe(told.length);
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
    // The session it waited with was replaced in the answer, without another exchange.
    expect(server.exchanges()).toBe(1);
  });

  it('tells of each use until it was heard, and of none twice', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    await script('on-claim.sh', 'echo "$STANDBY_ACTIVITY_FILE" > where');
    start(server);
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    const file = (await readFile(path.join(folder, 'where'), 'utf8')).trim();
    expect(server.heartbeats.some(({ used }) => used)).toBe(false);
    for (let time = 1; time <= 3; time++) {
      const before = server.heartbeats.length;
      await writeFile(file, '');
      await until(() =>
        expect(server.heartbeats.slice(before).some(({ used }) => used)).toBe(true),
      );
      await until(() => expect(server.heartbeats.at(-1)?.used).toBe(false));
    }
    // What was not answered was perhaps not heard.
    const before = server.heartbeats.length;
    server.garbage = { status: 502, text: '' };
    await writeFile(file, '');
    await until(() =>
      expect(server.heartbeats.slice(before).filter(({ used }) => used).length).toBeGreaterThan(1),
    );
    server.garbage = undefined;
    await until(() => expect(server.heartbeats.at(-1)?.used).toBe(false));
  });

  it('hands over once per owner, through cut connections and kill -9', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    let agent = start(server);
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    for (let round = 0; round < 20; round++) {
      const before = server.heartbeats.length;
      server.cut();
      await until(() => expect(server.heartbeats.length).toBeGreaterThan(before + 2));
    }
    for (let round = 0; round < 3; round++) {
      await kill(agent);
      const before = server.heartbeats.length;
      agent = start(server);
      await until(() => expect(server.heartbeats.slice(before).at(-1)?.applied_epoch).toBe(1));
    }
    await kill(agent);
    server.claim('bob'); // while it is away
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(2));
    expect(await claims()).toBe('1 ann ANN\n2 bob BOB\n');
  });

  it('does not count a hand-over whose script failed as ready, and does not repeat it', async () => {
    await script('on-claim.sh', 'echo tried >> claims; exit 1');
    await using server = await createFakeAgentServer(MANIFEST);
    const agent = start(server);
    server.claim('ann');
    const failed = { lifecycle: 'start_error', applied_epoch: 1 };
    await until(() => expect(server.heartbeats.at(-1)).toMatchObject(failed));
    await kill(agent, 'SIGTERM');
    const before = server.heartbeats.length;
    start(server);
    await until(() => expect(server.heartbeats.slice(before).at(-1)).toMatchObject(failed));
    expect(await claims()).toBe('tried\n');
  });

  it('does not hand over again when all that it remembered is lost', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    const agent = start(server);
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    await kill(agent);
    await removeTree(path.join(folder, '.standby-agent'));
    const before = server.heartbeats.length;
    start(server);
    await until(() => expect(server.heartbeats.slice(before).at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
  });

  it('does not call itself ready when it lost that its hand-over had failed', async () => {
    await script('on-claim.sh', 'echo tried >> claims; exit 1');
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    const agent = start(server);
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    await kill(agent);
    await removeTree(path.join(folder, '.standby-agent'));
    const before = server.heartbeats.length;
    start(server);
    const told = { lifecycle: 'start_error', applied_epoch: 1, applied_ok: false };
    await until(() => expect(server.heartbeats.slice(before).at(-1)).toMatchObject(told));
    expect(await claims()).toBe('tried\n');
  });

  it('hands over what was claimed before it could use its session', async () => {
    await using server = await createFakeAgentServer(MANIFEST);
    server.claimAtNextExchange('ann');
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
  });

  it('hands over once, and the next owner too, when it cannot store that it did', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    const blocked = path.join(folder, '.standby-agent', '.handed-over.json');
    await mkdir(blocked, { recursive: true });
    const agent = start(server);
    for (const [epoch, username] of [
      [1, 'ann'],
      [2, 'bob'],
    ] as const) {
      server.claim(username);
      await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(epoch));
    }
    await rm(blocked, { recursive: true });
    const stored = path.join(folder, '.standby-agent', 'handed-over.json');
    await until(async () => expect(await readFile(stored, 'utf8')).toContain('2'));
    await kill(agent);
    const before = server.heartbeats.length;
    start(server);
    await until(() => expect(server.heartbeats.slice(before).at(-1)?.applied_epoch).toBe(2));
    expect(await claims()).toBe('1 ann ANN\n2 bob BOB\n');
  });

  it.each([
    ['another document', 200, '{}'],
    ['a page', 200, '<html>'],
    [
      'an owner without a name',
      200,
      { epoch: 1, owner: { id: MANIFEST.workspace_id }, session: null },
    ],
    ['an error', 500, ''],
  ])('takes no notice of %s', async (_what, status, text) => {
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready'));
    server.garbage = { status, text };
    const before = server.heartbeats.length;
    await until(() => expect(server.heartbeats.length).toBeGreaterThan(before + 1));
    server.garbage = undefined;
    server.claim('ann');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
  });

  it('does not ask over and over when it is answered at once', async () => {
    await script('start.sh', 'sleep 0.5');
    await using server = await createFakeAgentServer({ ...MANIFEST, startup: './start.sh' });
    server.garbage = { status: 200, text: { epoch: 0, owner: null, session: null } };
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready'));
    expect(server.heartbeats.length).toBeLessThan(50);
  });

  it('goes on after it was stopped in its tracks while its workspace was claimed', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    const agent = start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready'));
    agent.kill('SIGSTOP');
    server.claim('ann');
    server.cut();
    agent.kill('SIGCONT');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
  });

  it('says so when its startup script cannot even be run', async () => {
    await script('start.sh', '');
    await using server = await createFakeAgentServer({ ...MANIFEST, startup: './start.sh/x' });
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('start_error'));
  });

  const owned = (name: string): string => path.join(folder, '.standby-agent', 'owner', name);

  it('hands over what the owner gave before on_claim runs, readable for nobody else', async () => {
    await script(
      'on-claim.sh',
      '. "$STANDBY_OWNER_DIR/environment"; printf %s "$GREETING" > sourced\n' +
        'cat "$STANDBY_OWNER_DIR/secrets/token" > seen',
    );
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready');
    const [variable] = GIVEN.environment;
    expect(await readFile(path.join(folder, 'sourced'), 'utf8')).toBe(variable?.value);
    expect(await readFile(path.join(folder, 'seen'), 'utf8')).toBe('ünsafe"\n');
    expect((await readFile(owned('files/deep/er/blob'))).toString('base64')).toBe('AAECgP9cCg==');
    const modes = [owned(''), owned('environment'), owned('secrets/token'), owned('files/tool')];
    expect(
      await Promise.all(modes.map(async (file) => ((await stat(file)).mode & 0o777).toString(8))),
    ).toEqual(['700', '600', '600', '750']);
  });

  it('lets what the owner gave steer neither itself nor on_claim', async () => {
    await script('on-claim.sh', 'env > seen');
    await script('evil', 'touch "$(dirname "$0")/ran"; exec "$@"');
    const evil = path.join(folder, 'evil');
    const value = `a[$(touch ${path.join(folder, 'ran')})]0`;
    const names = ['setsid', 'on_claim', 'run', 'state', 'log', 'owner', 'HOME', 'GIT_SSH_COMMAND'];
    const environment = names.map((name) => ({ name, value: evil }));
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    server.claim('ann', {
      ...GIVEN,
      environment: [...environment, { name: 'OPTIND', value }, { name: 'UID', value: '0' }],
    });
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready');
    const seen = await readFile(path.join(folder, 'seen'), 'utf8');
    expect(seen).toContain('STANDBY_OWNER=ann\n');
    expect(seen).not.toContain(evil);
    expect(await readdir(folder)).not.toContain('ran');
  });

  it('leaves nothing of a former owner to the next one', async () => {
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await readFile(owned('secrets/token'), 'utf8')).toBe('ünsafe"\n');
    server.claim('bob');
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(2));
    await expect(stat(owned(''))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps what the owner gave when it only lost that it has handed over', async () => {
    await using server = await createFakeAgentServer({ ...MANIFEST, heartbeat_interval_ms: 20 });
    const agent = start(server);
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    await kill(agent);
    // It may have been killed before that was stored.
    await rm(path.join(folder, '.standby-agent', 'handed-over.json'), { force: true });
    await writeFile(owned('secrets/token'), 'changed');
    const before = server.heartbeats.length;
    start(server);
    await until(() => expect(server.heartbeats.slice(before).at(-1)?.applied_epoch).toBe(1));
    expect(await claims()).toBe('1 ann ANN\n');
    expect(await readFile(owned('secrets/token'), 'utf8')).toBe('changed');
  });

  it.each([
    ['expired', 'expired' as const],
    ['would be written elsewhere', { ...GIVEN, secrets: [{ name: '../out', value: 'x' }] }],
  ])('runs no on_claim without what the owner gave: it %s', async (_what, given) => {
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    server.claim('ann', given);
    await until(() =>
      expect(server.heartbeats.at(-1)).toMatchObject({
        lifecycle: 'start_error',
        applied_epoch: 1,
      }),
    );
    expect(await claims()).toBe('');
  });

  it('writes where a link leads nowhere but below its own folder', async () => {
    await using server = await createFakeAgentServer(MANIFEST);
    const elsewhere = path.join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await mkdir(path.join(folder, '.standby-agent'));
    await symlink(elsewhere, owned(''));
    await symlink(elsewhere, path.join(folder, '.standby-agent', '.owner'));
    start(server);
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    expect(await readdir(elsewhere)).toEqual([]);
    expect(await readFile(owned('secrets/token'), 'utf8')).toBe('ünsafe"\n');
  });

  it('tells neither its scripts nor the list of processes a token', async () => {
    await script('on-claim.sh', "env > seen; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' >> seen");
    await using server = await createFakeAgentServer(MANIFEST);
    start(server);
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    const seen = await readFile(path.join(folder, 'seen'), 'utf8');
    expect(seen).toContain('STANDBY_EPOCH=1');
    expect(seen).not.toMatch(/sba_bootstrap|sbs_|STANDBY_AGENT_TOKEN/);
  });

  it('ends at a signal, and its scripts with it', async () => {
    await script('start.sh', 'echo $$ > child; exec sleep 600');
    await using server = await createFakeAgentServer({ ...MANIFEST, startup: './start.sh' });
    const agent = start(server);
    const child = (): Promise<string> => readFile(path.join(folder, 'child'), 'utf8');
    await until(async () => expect(await child()).toMatch(/^\d+\n$/));
    await kill(agent, 'SIGTERM');
    expect(identifyProcess(Number(await child()))).toBeUndefined();
    expect(await readdir(path.join(folder, '.standby-agent'))).toEqual(['startup.log']);
  });

  it('leaves no child of its scripts behind', async () => {
    await script('start.sh', 'sleep 600 & echo $! > child');
    await using server = await createFakeAgentServer({ ...MANIFEST, startup: './start.sh' });
    start(server);
    await until(() => expect(server.heartbeats.at(-1)?.lifecycle).toBe('ready'));
    const pid = Number(await readFile(path.join(folder, 'child'), 'utf8'));
    await until(() => expect(identifyProcess(pid)).toBeUndefined());
  });
});
