// Whatever a control plane answers, no command hands a terminal anything to obey.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createColors } from 'picocolors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMAND_TABLE } from '../../src/main/command-table.ts';
import { renderReport } from '../../src/main/doctor/render-report.ts';
import { runCommandLine, runCommandLineWith } from '../support/command-line.ts';
import { HOSTILE, startHostileServer } from '../support/hostile-server.ts';

/** The commands that print what others wrote, with arguments that make them print it. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  create: ['w', '--template', 't', '--parameter', 'a=b'],
  'group add': ['g', 'u'],
  'group create': ['g'],
  'group delete': ['g'],
  'group list': [],
  'group remove': ['g', 'u'],
  'group set': ['g', '--allowance', '2'],
  'group show': ['g'],
  'job cancel': ['019a0000-0000-7000-8000-000000000000'],
  'job list': [],
  'job logs': ['019a0000-0000-7000-8000-000000000000'],
  'job show': ['019a0000-0000-7000-8000-000000000000'],
  'keys list': [],
  'keys rotate': ['--no-wait'],
  login: ['URL'],
  'notification list': [],
  'notification read': [],
  'org add-member': ['o', 'u'],
  'org create': ['o'],
  'org list': [],
  plan: [],
  'pool invalidate': ['t/p'],
  'pool list': [],
  'pool pause': ['t/p'],
  'pool reset': ['t/p'],
  'pool resume': ['t/p'],
  'pool set': ['t/p', '--instances', '2'],
  'pool show': ['t/p'],
  'provisioner key create': ['k'],
  'provisioner key list': [],
  'provisioner key revoke': ['019a0000-0000-7000-8000-000000000000'],
  'provisioner list': [],
  'quota off': [],
  'quota on': ['--dry-run'],
  'quota show': [],
  'template delete': ['t'],
  'template deprecate': ['t', 'm'],
  'template invalidate': ['t'],
  'template list': [],
  'template promote': ['t', 'v'],
  'template push': ['FOLDER'],
  'template show': ['t'],
  'token create': ['t'],
  'token list': [],
  'token revoke': ['019a0000-0000-7000-8000-000000000000'],
  'user create': ['u'],
  'user list': [],
  'waiter cancel': ['w'],
  'waiter list': [],
  'waiter show': ['w'],
  whoami: [],
  'workspace delete': ['w', '--no-wait'],
  'workspace extend': ['w', '2h'],
  'workspace list': [],
  'workspace logs': ['w'],
  'workspace open': ['w'],
  'workspace rename': ['w', 'v'],
  'workspace set': ['w', '--ttl', '8h'],
  'workspace show': ['w'],
  'workspace start': ['w', '--no-wait'],
  'workspace stop': ['w', '--no-wait'],
  'workspace touch': ['w'],
  'workspace update': ['w'],
  'workspace wake': ['w'],
};

/** They print their own text, or what stands in files of whoever calls them: tested where it matters. */
const OTHERS = [
  ...['agent', 'completion', 'doctor', 'down', 'migrate', 'provisioner', 'server', 'up'],
  ...[
    'pool watch',
    'prebuilds pause',
    'prebuilds resume',
    'prebuilds status',
    'template import-coder',
    'template init',
    'template validate',
    // `workspace stop` and `workspace start` in a row.
    'workspace restart',
  ],
];

/** Two worlds: one in which things went well, one in which they did not. */
const WELL = { next_cursor: null, usable: true, complete: true, status: 'succeeded', error: null };
const ILL = { next_cursor: null, usable: false, complete: true, status: 'failed' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-hostile-'));
  await writeFile(
    path.join(folder, 'standby.yaml'),
    'name: t\ndriver: process\nprocess: {command: [sleep, "1"]}\n',
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Characters that a terminal obeys, and lines that are another's. */
function findHarm(text: string): readonly string[] {
  const characters = text.match(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu) ?? [];
  return [...characters, ...text.split('\n').filter((line) => line.startsWith('forged'))];
}

async function run(
  name: string,
  options: { readonly fixed: Readonly<Record<string, unknown>>; readonly more?: readonly string[] },
) {
  await using server = await startHostileServer(options);
  const given = COMMANDS[name]!.map((argument) =>
    argument === 'FOLDER' ? folder : argument === 'URL' ? server.url : argument,
  );
  const ran = await runCommandLineWith(
    { XDG_CONFIG_HOME: folder, STANDBY_DATA_DIR: folder },
    ...[...name.split(' '), ...given, ...(options.more ?? [])],
    ...['--url', server.url, '--token', 'sbt_x'],
  );
  return { ...ran, asked: server.asked.size };
}

describe('text of others on a terminal', () => {
  it('is looked at for every command there is', () => {
    expect([...Object.keys(COMMANDS), ...OTHERS].sort()).toEqual(Object.keys(COMMAND_TABLE).sort());
  });

  it('is found by this test where it is not made harmless', () => {
    expect(findHarm(HOSTILE).length).toBeGreaterThan(20);
    expect(findHarm('fine: ü, 漢字, 😀\nand a second line')).toEqual([]);
  });

  const cases = Object.keys(COMMANDS).flatMap((name) => [
    [name, 'well', WELL] as const,
    [name, 'ill', ILL] as const,
  ]);
  it.each(cases)(
    'is harmless in the answer of `%s` when things went %s',
    async (name, _, fixed) => {
      const { out, err, asked } = await run(name, { fixed });
      expect(asked).toBeGreaterThan(0);
      expect(out + err).not.toBe('');
      expect(findHarm(out)).toEqual([]);
      expect(findHarm(err)).toEqual([]);
    },
  );

  it.each(Object.keys(COMMANDS))('is harmless in the JSON of `%s`', async (name) => {
    const { out, err, asked } = await run(name, { fixed: WELL, more: ['--json'] });
    expect(asked).toBeGreaterThan(0);
    for (const line of (out + err).trim().split('\n'))
      expect(JSON.parse(line)).toBeTypeOf('object');
    expect(findHarm(out + err)).toEqual([]);
  });

  it.each([['none'], ['start'], ['restart']])(
    'is harmless in what `workspace update --dry-run` tells of a %s',
    async (action) => {
      const fixed = { ...WELL, action, sensitive: false };
      const { out, err } = await run('workspace update', { fixed, more: ['--dry-run'] });
      expect(out).toContain('It would be refused');
      expect(findHarm(out + err)).toEqual([]);
    },
  );

  it('is harmless in what `template validate` says of a manifest', async () => {
    const manifest = path.join(folder, 'manifest');
    await mkdir(manifest);
    const yaml = `name: t\ndriver: process\n${JSON.stringify(HOSTILE)}: 1\n`;
    await writeFile(path.join(manifest, 'standby.yaml'), yaml);
    const { status, out } = await runCommandLine('template', 'validate', manifest);
    expect(status).toBe(65);
    expect(out).toContain('evil');
    expect(findHarm(out)).toEqual([]);
  });

  it('is harmless in what `template import-coder` makes of a module', async () => {
    const coder = path.join(folder, 'coder');
    await mkdir(coder);
    const text = HOSTILE.replaceAll('"', '');
    const module = ['coder_parameter', 'coder_workspace_preset', 'coder_thing'].map(
      (type) => `data "${type}" "${text.replaceAll('\n', '')}" {
  name = ${JSON.stringify(text)}
  description = <<X\n${text}\nX
  icon = ""
}\n`,
    );
    await writeFile(path.join(coder, 'main.tf'), module.join(''));
    for (const more of [['--dry-run'], ['--dry-run', '--json'], []]) {
      const { status, out } = await runCommandLine('template', 'import-coder', coder, ...more);
      expect(status).toBe(0);
      expect(out).toContain('evil');
      expect(findHarm(out)).toEqual([]);
    }
  });

  it('is harmless in the plan for a snapshot', async () => {
    const snapshot = path.join(folder, 'snapshot.json');
    const preset = {
      desired: 0,
      status: 'healthy',
      paused: false,
      max_instances: null,
      using_active_version: true,
      schedules: [],
    };
    const times = { created_at: '2026-01-02T07:00:00Z', now: '2026-01-02T08:00:00Z' };
    await writeFile(
      snapshot,
      JSON.stringify({
        ...{ now: times.now, config: { backoff_interval_seconds: 60 } },
        preset: {
          ...preset,
          ttl_seconds: null,
          last_invalidated_at: null,
          deleted: false,
          deprecated: false,
          timezone: 'UTC',
        },
        running: [{ id: HOSTILE, created_at: times.created_at, ready: true }],
        in_progress: { starting: 0, stopping: 0, deleting: 0 },
        ...{ pending_inactive: 0, backoff: null, hard_limited: false },
      }),
    );
    const { out } = await runCommandLine('plan', '--snapshot', snapshot);
    expect(JSON.stringify(JSON.parse(out))).toContain('evil');
    expect(findHarm(out)).toEqual([]);
  });

  it('is harmless in what the doctor finds', () => {
    const finding = { id: 'x', title: 'x', remedy: HOSTILE, total: 1, subjects: [HOSTILE] };
    const out = renderReport(
      { healthy: false, findings: [finding], unfinished: [], facts: { leader: HOSTILE } },
      createColors(false),
    );
    expect(out).toContain('evil');
    expect(findHarm(out)).toEqual([]);
  });

  it('is harmless in what an orphaned workspace leaves', async () => {
    const { out } = await run('workspace delete', { fixed: WELL, more: ['--orphan'] });
    expect(out).toContain('evil');
    expect(findHarm(out)).toEqual([]);
  });

  it.each(['job logs', 'workspace logs'])('is harmless in what `%s` follows', async (name) => {
    const { out, err } = await run(name, { fixed: ILL, more: ['--follow'] });
    expect(out).toContain('evil');
    expect(err).toContain('The job has failed: x');
    expect(findHarm(out + err)).toEqual([]);
  });
});
