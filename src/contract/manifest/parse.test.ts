import { describe, expect, it } from 'vitest';
import { manifestInvalid } from './issue.ts';
import { parseManifest } from './parse.ts';
import { manifestSchema, NO_LIMITS, type Manifest } from './schema.ts';

const HEAD = 'name: demo\ndriver: process\nprocess: { command: run }\n';

function parse(text: string): Manifest {
  const parsed = parseManifest(text);
  if (parsed.kind === 'invalid') throw manifestInvalid(parsed.issues);
  return parsed.manifest;
}

/** Each issue on one line; lines are counted from the one after HEAD. */
function issues(more: string, head = HEAD): readonly string[] {
  const parsed = parseManifest(head + more);
  if (parsed.kind === 'valid') return [];
  const offset = head.split('\n').length - 1;
  return parsed.issues.map(({ code, message, hint, path, line, column }) =>
    `${line - offset}:${column} ${code} ${path} | ${message} | ${hint}`.replace(/ \| $/, ''),
  );
}

describe('parseManifest', () => {
  it('fills in every default', () => {
    expect(parse(HEAD)).toEqual({
      name: 'demo',
      description: '',
      driver: 'process',
      parameters: [],
      presets: [],
      claim: 'apply',
      rehearsal: 'report',
      ready: null,
      agents: [],
      agent_timeout_seconds: 60,
      unready_grace_seconds: 600,
      failed_retention_seconds: 86_400,
      life: {
        ttl_seconds: null,
        max_lifetime_seconds: null,
        idle_stop_seconds: null,
        dormant_after_seconds: null,
        delete_dormant_after_seconds: null,
      },
      cost: null,
      tags: {},
      terraform: null,
      docker: null,
      process: {
        command: ['sh', '-c', 'run'],
        environment: {},
        limits: NO_LIMITS,
        sandbox: 'none',
      },
      null: null,
    });
  });

  it('reads everything that can be written, and gives what the contract describes', () => {
    const manifest = parse(`
name: go-dev
description: Go on a server
driver: terraform
parameters:
  - {name: region, type: string, default: eu, options: [eu, us], description: Where, mutable: false}
  - {name: cpus, type: number, mutable: true}
presets:
  - name: large-eu
    description: For most
    default: true
    parameters: {region: eu, cpus: 8.0}
    prebuilds:
      instances: 3
      max_instances: 20
      ttl: 8h
      claim_order: newest
      scheduling: {timezone: Europe/Berlin, schedules: [{cron: "* 8-18 * * 1-5", instances: 10}]}
claim: apply
rehearsal: refuse
agents: [{name: main, startup: ./start.sh, on_claim: ./hello.sh, startup_timeout: 90s}]
agent_timeout: 30s
unready_grace: 5m
failed_retention: 0s
cost: {hourly: 0.42, currency: EUR}
tags: {zone: eu, gpu: true, size: 1.10}
terraform: {}
`);
    expect(manifestSchema.parse(manifest)).toEqual(manifest);
    expect(manifest).toMatchObject({
      parameters: [
        { name: 'region', default: 'eu', options: ['eu', 'us'] },
        {
          name: 'cpus',
          type: 'number',
          default: null,
          options: [],
          mutable: true,
          sensitive: false,
        },
      ],
      presets: [
        {
          parameters: { region: 'eu', cpus: '8' },
          prebuilds: {
            ttl_seconds: 28_800,
            claim_order: 'newest',
            scheduling: { timezone: 'Europe/Berlin', schedules: [{ instances: 10 }] },
          },
        },
      ],
      agents: [
        { startup: './start.sh', startup_timeout_seconds: 90, on_claim_timeout_seconds: 60 },
      ],
      agent_timeout_seconds: 30,
      failed_retention_seconds: 0,
      tags: { zone: 'eu', gpu: 'true', size: '1.10' },
      terraform: {},
      process: null,
    });
  });

  it('keeps values of parameters, tags and the environment as they were written', () => {
    const manifest = parse(`name: demo
driver: process
parameters:
  - {name: version, default: 1.10, options: [1.10, 010, yes, true, "x"]}
  - {name: empty, default: ""}
presets: [{name: a, parameters: {version: 010}}]
process: {command: [run, it], environment: {PORT: 0x10, DEBUG: false, NOTHING: ""}}
`);
    expect(manifest.parameters[0]).toMatchObject({
      default: '1.10',
      options: ['1.10', '010', 'yes', 'true', 'x'],
    });
    expect(manifest.parameters[1]?.default).toBe('');
    expect(manifest.presets[0]?.parameters).toEqual({ version: '010' });
    expect(manifest.process).toEqual({
      command: ['run', 'it'],
      environment: { PORT: '0x10', DEBUG: 'false', NOTHING: '' },
      limits: NO_LIMITS,
      sandbox: 'none',
    });
  });

  it('writes numbers in one form, so that presets match however they are written', () => {
    const manifest =
      parse(`${HEAD}parameters: [{name: n, type: number, default: 4.0, options: [4, 8e0]}]
presets: [{name: a, parameters: {n: 8.0}}]
`);
    expect(manifest.parameters[0]).toMatchObject({ default: '4', options: ['4', '8'] });
    expect(manifest.presets[0]?.parameters).toEqual({ n: '8' });
  });

  it('knows the driver null and its settings by their plain names', () => {
    expect(parse('name: a\ndriver: null\n').null).toEqual({ start_seconds: 0, start_error: null });
    const set = parse('name: a\ndriver: null\nnull: {start: 250ms, start_error: no luck}\n');
    expect(set.null).toEqual({ start_seconds: 0.25, start_error: 'no luck' });
  });

  it.each([
    ['http: /healthz', { http: '/healthz', tcp: null, command: null }],
    ['tcp: 8080', { http: null, tcp: 8080, command: null }],
    ['tcp: true', { http: null, tcp: null, command: null }],
    ['command: [test, -f, ready]', { http: null, tcp: null, command: ['test', '-f', 'ready'] }],
    ['command: test -f ready', { command: ['sh', '-c', 'test -f ready'] }],
    ['http: /, interval: 200ms, timeout: 1m', { interval_seconds: 0.2, timeout_seconds: 60 }],
  ])('reads the ready check {%s}', (text, expected) => {
    expect(parse(`${HEAD}ready: {${text}}\n`).ready).toMatchObject(expected);
  });

  it('takes aliases, CRLF, a byte order mark and comments', () => {
    const text = `\uFEFF# ours\r\nname: demo\r\ndriver: null\r\ntags: &t {zone: eu}\r\npresets:\r\n- {name: a, prebuilds: {instances: &n 3, max_instances: *n}}\r\n`;
    expect(parse(text).presets[0]?.prebuilds).toMatchObject({ instances: 3, max_instances: 3 });
  });
});

describe('parseManifest tells all that does not fit, with line and column', () => {
  it('in the order of the lines, each with a place and a remedy', () => {
    const text = `name: Go Dev
driver: proces
parametrs: []
presets:
  - name: a
    default: yes
    paramters: {}
    prebuilds: {instances: 2000, ttl: 30s}
  - prebuilds:
agent_timeout: 60
`;
    expect(issues(text, '')).toMatchInlineSnapshot(`
      [
        "1:7 INVALID_VALUE name | name is "Go Dev", but must be 1 to 63 lower-case letters, digits and inner hyphens",
        "2:9 INVALID_VALUE driver | driver is "proces", but must be one of terraform, docker, process, null | Did you mean "process"?",
        "3:1 UNKNOWN_KEY parametrs | the key "parametrs" is not known here | Did you mean "parameters"?",
        "6:14 WRONG_TYPE presets[0].default | default is "yes", but must be true or false",
        "7:5 UNKNOWN_KEY presets[0].paramters | the key "paramters" is not known here | Did you mean "parameters"?",
        "8:28 INVALID_VALUE presets[0].prebuilds.instances | instances is 2000, but must be a whole number from 0 to 1000",
        "8:39 INVALID_VALUE presets[0].prebuilds.ttl | ttl is "30s", but must be 0 (never) or a duration of at least 1m and at most 365d, such as 8h",
        "9:5 MISSING_KEY presets[1].name | name is missing",
        "9:5 WRONG_TYPE presets[1].prebuilds | prebuilds is empty, but must be a mapping",
        "10:16 WRONG_TYPE agent_timeout | agent_timeout is 60, but must be a duration from 1s to 1d, such as 500ms, 10s, 5m, 8h or 1d",
      ]
    `);
  });

  it.each<readonly [string, readonly string[]]>([
    ['x: 1', ['1:1 UNKNOWN_KEY x | the key "x" is not known here | Known here: name']],
    [
      'terraform: {backend: s3}',
      ['1:13 UNKNOWN_KEY terraform.backend | the key "backend" is not known here | Nothing'],
    ],
    [
      'ready: {http: healthz}',
      ['1:15 INVALID_VALUE ready.http | http is "healthz", but must be a path that begins with /'],
    ],
    [
      'ready: {http: /, tcp: 1}',
      ['1:8 INVALID_VALUE ready | ready must have exactly one of http, tcp and command'],
    ],
    [
      'ready: {tcp: 70000}',
      ['1:14 INVALID_VALUE ready.tcp | tcp is 70000, but must be at most 65535'],
    ],
    [
      'ready: {tcp: http}',
      ['1:14 INVALID_VALUE ready.tcp | tcp is "http", but must be a port from 1 to 65535, or true'],
    ],
    [
      'ready: {http: /, interval: 0s}',
      [
        '1:28 INVALID_VALUE ready.interval | interval is "0s", but must be a duration from 100ms to 10m',
      ],
    ],
    [
      'failed_retention: 1w',
      ['1:19 INVALID_VALUE failed_retention | failed_retention is "1w", but must be a duration'],
    ],
    [
      'failed_retention: 400d',
      ['1:19 INVALID_VALUE failed_retention | failed_retention is "400d", but must be a duration'],
    ],
    ['tags: [a]', ['1:7 WRONG_TYPE tags | tags must be a mapping']],
    ['tags: {a: {b: c}}', ['1:11 INVALID_VALUE tags.a | a must be text, a number, true or false']],
    [
      'claim: Instant',
      [
        '1:8 INVALID_VALUE claim | claim is "Instant", but must be one of apply, instant | Did you mean "instant"?',
      ],
    ],
    [
      'cost: {hourly: -1, currency: euro}',
      [
        '1:16 INVALID_VALUE cost.hourly | hourly is -1, but must be at least 0',
        '1:30 INVALID_VALUE cost.currency | currency is "euro", but must be three capital letters',
      ],
    ],
    [
      'cost: {hourly: .inf, currency: EUR}',
      ['1:16 WRONG_TYPE cost.hourly | hourly is Infinity, but must be a number'],
    ],
    [
      'parameters: [{name: 9a}]',
      ['1:21 INVALID_VALUE parameters[0].name | name is "9a", but must be 1 to 63 letters'],
    ],
    [
      'parameters: [{name: standby_owner}]',
      ['1:21 INVALID_VALUE parameters[0].name | name is "standby_owner", but must be'],
    ],
    ['parameters: [{type: string}]', ['1:14 MISSING_KEY parameters[0].name | name is missing']],
    [
      'parameters:\n- name: a\n  default: [1]',
      ['3:12 INVALID_VALUE parameters[0].default | default must be text'],
    ],
    [
      'parameters: nothing',
      ['1:13 WRONG_TYPE parameters | parameters is "nothing", but must be a list'],
    ],
    ['parameters:', ['1:1 WRONG_TYPE parameters | parameters is empty, but must be a list']],
    [
      'presets: [{name: a, description: ' + 'x'.repeat(129) + '}]',
      ['1:34 INVALID_VALUE presets[0].description'],
    ],
    [
      'presets: [{name: a, prebuilds: {instances: 1.5}}]',
      [
        '1:44 WRONG_TYPE presets[0].prebuilds.instances | instances is 1.5, but must be a whole number from 0 to 1000',
      ],
    ],
    [
      'presets: [{name: a, prebuilds: {instances: -1}}]',
      ['1:44 INVALID_VALUE presets[0].prebuilds.instances | instances is -1, but'],
    ],
    ['presets: [{name: a, prebuilds: {instances: 1001}}]', ['1:44 INVALID_VALUE']],
    [
      'presets: [{name: a, prebuilds: {instances: 1, ttl: 59s}}]',
      [
        '1:52 INVALID_VALUE presets[0].prebuilds.ttl | ttl is "59s", but must be 0 (never) or a duration of at least 1m',
      ],
    ],
    ['presets: [{name: a, prebuilds: {instances: 1, ttl: 60001ms}}]', ['1:52 INVALID_VALUE']],
    [
      'presets: [{name: a, prebuilds: {instances: 1, ttl: 5}}]',
      [
        '1:52 INVALID_VALUE presets[0].prebuilds.ttl | ttl is 5, but must be 0 (never) or a duration',
      ],
    ],
    [
      'presets: [{name: a, prebuilds: {instances: 1, scheduling: {timezone: UTC, schedules: []}}}]',
      [
        '1:86 INVALID_VALUE presets[0].prebuilds.scheduling.schedules | schedules must have at least 1 entry',
      ],
    ],
    [
      'agents: [{name: main, startup: /etc/x}]',
      ['1:32 INVALID_VALUE agents[0].startup | startup is "/etc/x", but must be a relative path'],
    ],
    ['agents: [{name: main, startup: a/../../x}]', ['1:32 INVALID_VALUE agents[0].startup']],
    ['agents: [{name: main, startup: ..}]', ['1:32 INVALID_VALUE agents[0].startup']],
  ])('%s', (text, expected) => {
    const told = issues(`${text}\n`);
    expect(told).toHaveLength(expected.length);
    for (const [index, start] of expected.entries()) expect(told[index]).toContain(start);
  });

  it.each([
    ['an empty command', '{command: []}', 'command must have at least 1 entry'],
    ['no command', '{}', 'command is missing'],
    [
      'a reserved name',
      '{command: x, environment: {STANDBY_X: 1}}',
      'the key "STANDBY_X" must be letters',
    ],
    ['a strange name', '{command: x, environment: {"a b": 1}}', 'the key "a b" must be letters'],
    ['too little memory', '{command: x, limits: {memory: 63MiB}}', 'must be a size from 64MiB'],
    ['too few processes', '{command: x, limits: {processes: 31}}', 'processes'],
    ['a sandbox that is none', '{command: x, sandbox: docker}', 'sandbox'],
    ['a limit that is none', '{command: x, limits: {disk: 1GiB}}', 'the key "disk" is not known'],
  ])('in the settings of the process driver: %s', (_what, settings, expected) => {
    const [told] = issues(`process: ${settings}\n`, 'name: demo\ndriver: process\n');
    expect(told).toContain(expected);
  });

  it('takes the shortest and the longest of everything', () => {
    const limits = [
      'presets: [{name: a, prebuilds: {instances: 0, ttl: 0}}]',
      'presets: [{name: a, prebuilds: {instances: 1000, ttl: 60s}}]',
      `presets: [{name: a, description: ${'x'.repeat(128)}, prebuilds: {instances: 1, ttl: 365d}}]`,
    ];
    for (const text of limits) expect(issues(text)).toEqual([]);
  });

  it('tells at most a hundred things, quickly', () => {
    const text = Array.from({ length: 5_000 }, (_, n) => `key${n}: ${n}`).join('\n');
    expect(issues(text)).toHaveLength(100);
  });

  it('makes one error of them, with the first few in its text', () => {
    const parsed = parseManifest('driver: dokcer\na: 1\nb: 2\nc: 3\nd: 4\ne: 5\n');
    if (parsed.kind === 'valid') throw new Error('it is not');
    const error = manifestInvalid(parsed.issues);
    expect(error.code).toBe('MANIFEST_INVALID');
    expect(error.detail).toBe(
      'standby.yaml 1:1: name is missing. 1:9: driver is "dokcer", but must be one of terraform, docker, process, null. Did you mean "docker"? 2:1: the key "a" is not known here. Known here: name, description, driver, parameters, presets, claim, rehearsal, ready, agents, agent_timeout, unready_grace, failed_retention, life, cost, tags, terraform, docker, process, null. 3:1: the key "b" is not known here. 4:1: the key "c" is not known here. There are 2 more.',
    );
    expect(error.fields).toEqual({ issues: parsed.issues });
  });
});

describe('text that cannot be stored', () => {
  it.each([
    [String.raw`description: "a\0b"`, '3:14', 'a\\u0000b'],
    [String.raw`description: "\ud800"`, '3:14', '\\ud800'],
    [String.raw`"ki\0nd": 1`, '3:1', 'ki\\u0000nd'],
    [String.raw`presets: [{name: "p\0"}]`, '3:18', 'p\\u0000'],
  ])('is refused: %s', (line, place, shown) => {
    expect(() => parse(`name: a\ndriver: "null"\n${line}\n`)).toThrow(
      `MANIFEST_INVALID: standby.yaml ${place}: "${shown}" has a character that cannot be stored.`,
    );
  });
});
