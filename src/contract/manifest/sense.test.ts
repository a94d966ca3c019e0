import { describe, expect, it } from 'vitest';
import { parseManifest } from './parse.ts';
import type { TemplateFile } from './sense/agent.ts';

const HEAD = `name: demo
driver: "null"
parameters:
  - {name: region, options: [eu, us]}
  - {name: cpus, type: number, default: 2, options: [2, 4]}
`;

function issues(
  more: string,
  { head = HEAD, files }: { head?: string; files?: readonly TemplateFile[] | undefined } = {},
): readonly string[] {
  const parsed = parseManifest(head + more, files);
  if (parsed.kind === 'valid') return [];
  const offset = head.split('\n').length - 1;
  return parsed.issues.map(
    ({ code, message, path, line, column }) =>
      `${line - offset}:${column} ${code} ${path} | ${message}`,
  );
}

const pool = (prebuilds: string): string =>
  `presets: [{name: a, parameters: {region: eu}, prebuilds: {${prebuilds}}}]\n`;
const scheduled = (schedules: string, timezone = 'UTC'): string =>
  pool(`instances: 1, scheduling: {timezone: ${timezone}, schedules: [${schedules}]}`);

describe('a manifest makes sense when sensitive parameters', () => {
  it('have no value that everybody would read', () => {
    const token = (more: string): readonly string[] =>
      issues(`name: demo\ndriver: "null"\nparameters: [{name: token, sensitive: true${more}}]\n`, {
        head: '',
      });
    expect(token('')).toEqual([]);
    expect(token(', default: ""')).toEqual([]);
    expect(token(', default: canary, options: [canary, other]')).toEqual([
      '3:45 SENSITIVE_VALUE parameters[0].default | the parameter "token" is sensitive, and its default would be for everybody to read',
      '3:62 SENSITIVE_VALUE parameters[0].options | the parameter "token" is sensitive, and its options would be for everybody to read',
    ]);
  });
});

describe('a manifest makes sense when presets', () => {
  it('have names of their own', () => {
    const preset = (name: string): string => `  - {name: ${name}, parameters: {region: eu}}\n`;
    expect(issues(`presets:\n${preset('a')}${preset('b')}`)).toEqual([]);
    expect(issues(`presets:\n${preset('a')}${preset('b')}${preset('a')}`)).toEqual([
      '4:12 NAME_DUPLICATE presets[2].name | there are two presets "a"',
    ]);
    expect(issues(`presets:\n${preset('none')}`)).toEqual([
      '2:12 INVALID_VALUE presets[0].name | the preset name "none" means no preset at all; choose another',
    ]);
  });

  it('are the default one at a time', () => {
    const preset = (name: string): string =>
      `  - {name: ${name}, default: true, parameters: {region: eu}}\n`;
    expect(issues(`presets:\n${preset('a')}`)).toEqual([]);
    expect(issues(`presets:\n${preset('a')}${preset('b')}${preset('c')}`)).toEqual([
      '3:24 DEFAULT_DUPLICATE presets[1].default | the preset "a" is the default already',
      '4:24 DEFAULT_DUPLICATE presets[2].default | the preset "a" is the default already',
    ]);
  });

  it('give every parameter a value that it may have', () => {
    expect(issues('presets: [{name: a}]')).toEqual([
      '1:11 PARAMETER_MISSING presets[0].parameters | preset "a": the parameter "region" (string) needs a value: it has no default',
    ]);
    expect(
      issues('presets: [{name: a, parameters: {regin: eu, cpus: many, region: mars}}]'),
    ).toEqual([
      '1:34 PARAMETER_UNKNOWN presets[0].parameters.regin | preset "a": the template has no parameter "regin"',
      '1:51 PARAMETER_TYPE_WRONG presets[0].parameters.cpus | preset "a": the value "many" of parameter "cpus" is no number: it must be a number as JSON writes it, such as 4, 0.5 or -1e3',
      '1:65 PARAMETER_OPTION_UNKNOWN presets[0].parameters.region | preset "a": the value "mars" of parameter "region" is not one of "eu", "us"',
    ]);
    expect(issues('presets: [{name: a, parameters: {region: eu, cpus: 4.00}}]')).toEqual([]);
  });

  it('give sensitive parameters none, for everybody would read it', () => {
    const head = `name: demo\ndriver: "null"\nparameters: [{name: token, sensitive: true}]\n`;
    const empty = head.replace('true}', 'true, default: ""}');
    const prebuilt = 'prebuilds: {instances: 1}';
    expect(issues('presets: [{name: a}]', { head })).toEqual([]);
    expect(issues(`presets: [{name: a, ${prebuilt}}]`, { head: empty })).toEqual([]);
    expect(issues(`presets: [{name: a, ${prebuilt}}]`, { head })).toEqual([
      '1:11 PARAMETER_MISSING presets[0].parameters | preset "a": the parameter "token" (string) needs a value: it has no default',
    ]);
    expect(issues('presets: [{name: a, parameters: {token: canary}}]', { head })).toEqual([
      '1:34 SENSITIVE_VALUE presets[0].parameters.token | preset "a": the parameter "token" is sensitive, and a value here would be for everybody to read',
    ]);
    const number = head.replace('sensitive', 'type: number, sensitive');
    const given = issues('presets: [{name: a, parameters: {token: canary}}]', { head: number });
    expect(given).toHaveLength(1);
    expect(given.join(' ')).not.toMatch(/canary/);
  });

  it('do not want more than their pool may have', () => {
    expect(issues(pool('instances: 3, max_instances: 3'))).toEqual([]);
    expect(issues(pool('instances: 3, max_instances: 2'))).toEqual([
      '1:70 INSTANCES_ABOVE_MAX presets[0].prebuilds.instances | 3 instances are more than max_instances, which is 2',
    ]);
    const schedule = 'scheduling: {timezone: UTC, schedules: [{cron: "* 9 * * *", instances: 5}]}';
    expect(issues(pool(`instances: 0, max_instances: 2, ${schedule}`))).toEqual([
      expect.stringContaining(
        'INSTANCES_ABOVE_MAX presets[0].prebuilds.scheduling.schedules[0].instances',
      ),
    ]);
  });

  it('have schedules that can be used', () => {
    expect(issues(scheduled('{cron: "* 9-18 * * 1-5", instances: 3}', 'Europe/Berlin'))).toEqual(
      [],
    );
    expect(issues(scheduled('{cron: "* 25 * * *", instances: 3}'))).toEqual([
      '1:120 SCHEDULE_INVALID presets[0].prebuilds.scheduling.schedules[0].cron | the schedule "* 25 * * *" does not parse: hour "25": expected 0 to 23',
    ]);
    expect(issues(scheduled('{cron: "* * 30 FEB *", instances: 3}'))).toEqual([
      expect.stringContaining('SCHEDULE_NEVER_MATCHES'),
    ]);
    const two = '{cron: "* 9-18 1 * 1-3", instances: 3}, {cron: "* 9-18 2 * 4-5", instances: 4}';
    expect(issues(scheduled(two))).toEqual([
      '1:160 SCHEDULES_OVERLAP presets[0].prebuilds.scheduling.schedules[1].cron | the schedules "* 9-18 1 * 1-3" and "* 9-18 2 * 4-5" cover a common minute',
    ]);
  });

  it('name a zone of the IANA database in its exact spelling', () => {
    for (const zone of ['Europe/Berln', 'europe/berlin', '""', '+02:00', 'Local']) {
      expect(issues(scheduled('{cron: "* 9 * * *", instances: 3}', zone))).toEqual([
        expect.stringMatching(/TIMEZONE_UNKNOWN presets\[0\]\.prebuilds\.scheduling\.timezone/),
      ]);
    }
  });
});

describe('a manifest makes sense when parameters', () => {
  const head = 'name: demo\ndriver: "null"\n';

  it('have names that stay apart in the environment', () => {
    expect(issues('parameters: [{name: a}, {name: a}]', { head })).toEqual([
      '1:32 NAME_DUPLICATE parameters[1].name | there are two parameters "a"',
    ]);
    expect(issues('parameters: [{name: a-b}, {name: A_b}]', { head })).toEqual([
      '1:34 NAME_DUPLICATE parameters[1].name | the parameters "a-b" and "A_b" differ too little',
    ]);
  });

  it('have defaults and options that fit', () => {
    expect(issues('parameters: [{name: a, type: bool, default: yes}]', { head })).toEqual([
      '1:45 PARAMETER_TYPE_WRONG parameters[0].default | the value "yes" of parameter "a" is no bool: it must be true or false',
    ]);
    expect(issues('parameters: [{name: a, default: x, options: [y, z]}]', { head })).toEqual([
      '1:33 PARAMETER_OPTION_UNKNOWN parameters[0].default | the value "x" of parameter "a" is not one of "y", "z"',
    ]);
    expect(
      issues('parameters: [{name: a, type: number, default: 1, options: [1, one, 1.0]}]', { head }),
    ).toEqual([
      '1:63 PARAMETER_TYPE_WRONG parameters[0].options[1] | the value "one" of parameter "a" is no number: it must be a number as JSON writes it, such as 4, 0.5 or -1e3',
      '1:68 INVALID_VALUE parameters[0].options[2] | the option "1" is there twice',
    ]);
  });
});

describe('a manifest makes sense when its driver', () => {
  const settings = (text: string): readonly string[] => issues(text, { head: 'name: demo\n' });

  it('has its own settings and no others', () => {
    expect(settings('driver: terraform\n')).toEqual([]);
    expect(settings('driver: docker\n')).toEqual([
      '1:9 DRIVER_SETTINGS_MISSING driver | the driver docker needs the settings `docker`',
    ]);
    expect(settings('driver: process\ndocker: {image: x}\nnull: {}\n')).toEqual([
      '1:9 DRIVER_SETTINGS_MISSING driver | the driver process needs the settings `process`',
      '2:1 DRIVER_SETTINGS_FOREIGN docker | the settings `docker` are not those of the driver process',
      '3:1 DRIVER_SETTINGS_FOREIGN null | the settings `null` are not those of the driver process',
    ]);
  });

  it('does not use what a claim changes when claims are instant', () => {
    const text = 'driver: process\nprocess: {command: "serve --title $STANDBY_WORKSPACE_NAME"}\n';
    expect(settings(text)).toEqual([]);
    expect(settings(`claim: instant\n${text}`)).toEqual([
      expect.stringContaining('3:20 INSTANT_NEEDS_OWNER process.command | STANDBY_WORKSPACE_NAME'),
    ]);
  });
});

describe('a manifest makes sense when docker', () => {
  const settings = (docker: string, files?: readonly TemplateFile[]): readonly string[] =>
    issues(`docker: {${docker}}\n`, { head: 'name: demo\ndriver: docker\n', files });

  it('names one image, or a Dockerfile that is there', () => {
    expect(settings('image: debian:12')).toEqual([]);
    expect(settings('image: registry.example.com:5000/a/b_c-d.e:1.4')).toEqual([]);
    expect(settings('image: x, build: Dockerfile')).toEqual([
      expect.stringContaining('must have exactly one of image and build'),
    ]);
    expect(settings('network: none')).toEqual([
      expect.stringContaining('must have exactly one of image and build'),
    ]);
    const file = { path: 'Dockerfile', executable: false };
    expect(settings('build: ./Dockerfile', [file])).toEqual([]);
    expect(settings('build: ./Dockerfil', [file])).toEqual([
      '1:17 DOCKERFILE_MISSING docker.build | there is no file "./Dockerfil" in the folder',
    ]);
  });

  it.each([
    'sha256:1234',
    'Debian',
    'x:',
    '-x',
    'http://x',
    'x y',
    '../x',
    'a/../x',
    'a//x',
    'a..x',
    `a@sha256:${'0'.repeat(63)}`,
  ])('refuses what is no name of an image: %s', (image) => {
    expect(settings(`image: "${image}"`)).toEqual([
      expect.stringContaining('must be the name of an image'),
    ]);
  });

  it.each([
    `standby-template-01890000-0000-7000-8000-000000000001:${'a'.repeat(64)}`,
    'standby-template:x',
    'docker.io/library/standby-template-d:x',
    'library/standby-template-d',
  ])('refuses an image that a daemon has built: %s', (image) => {
    expect(settings(`image: "${image}"`)).toEqual([
      expect.stringContaining('must not be an image that a daemon has built'),
    ]);
    expect(settings(`image: "registry.example.com/${image}"`)).toEqual([]);
  });

  it.each([
    ['home: relative', 'must be an absolute path in the container'],
    ['home: /', 'must be an absolute path in the container'],
    ['home: /a/../b', 'must be an absolute path in the container'],
    ['home: "/a:/b"', 'must be an absolute path in the container'],
    ['Home: /a', 'must be 1 to 32 lower-case letters'],
    ['a: /x, b: /x', 'two volumes are to be at "/x"'],
  ])('refuses what is no volume: %s', (volumes, said) => {
    expect(settings(`image: x, volumes: {${volumes}}`)).toEqual([expect.stringContaining(said)]);
  });

  it.each(['"container:abc"', '""', '-net', 'a/b'])('refuses a network %s', (network) => {
    expect(settings(`image: x, network: ${network}`)).toEqual([
      expect.stringContaining('must be the name of a network'),
    ]);
  });

  it('checks only ports that are published', () => {
    const ready = (check: string, docker: string): readonly string[] =>
      settings(`image: x${docker}}\nready: {${check}`);
    expect(ready('http: /', ', ports: [80]')).toEqual([]);
    expect(ready('tcp: 81', ', ports: [80, 81]')).toEqual([]);
    expect(ready('command: "true"', '')).toEqual([]);
    expect(ready('http: /', '')).toEqual([
      "2:8 PORT_UNREACHABLE ready | ready needs the workspace's own port, which `docker` does not publish",
    ]);
    expect(ready('tcp: 82', ', ports: [80]')).toEqual([
      expect.stringContaining('ready needs port 82'),
    ]);
    expect(settings('image: x, ports: [80, 80]')).toEqual([
      expect.stringContaining('the port 80 is there twice'),
    ]);
    for (const place of ['/opt/standby', '/opt/standby/state', '/opt/standby/state/main/x']) {
      const volume = `image: x, volumes: {kept: ${place}}`;
      expect(settings(volume)).toEqual([]);
      expect(settings(`${volume}}\nagents: [{name: main}]\ntags: {`)).toEqual([
        expect.stringContaining(`INVALID_VALUE docker.volumes.kept | what is at /opt/standby`),
      ]);
    }
    const beside = 'image: x, volumes: {kept: /opt/standby-tools, all: /opt}';
    expect(settings(`${beside}}\nagents: [{name: main}]\ntags: {`)).toEqual([]);
    for (const network of ['none', 'host']) {
      expect(settings(`image: x, ports: [80], network: ${network}`)).toEqual([
        expect.stringContaining(`the network "${network}" publishes no ports`),
      ]);
    }
  });

  it('does not use what a claim changes when claims are instant', () => {
    const docker = 'image: x, command: echo $STANDBY_WORKSPACE_NAME';
    expect(settings(docker)).toEqual([]);
    expect(settings(`${docker}}\nclaim: instant\ntags: {`)).toEqual([
      expect.stringContaining('INSTANT_NEEDS_OWNER docker.command'),
    ]);
  });

  it('has limits that say their unit', () => {
    expect(settings('image: x, limits: {memory: 512MiB, cpus: 0.5, processes: 64}')).toEqual([]);
    expect(settings('image: x, limits: {memory: 1048576GiB}')).toEqual([]);
    expect(settings('image: x, limits: {memory: 512}')).toEqual([
      expect.stringContaining('must be a size from 6MiB to 1048576GiB'),
    ]);
    expect(settings('image: x, limits: {memory: 999999999GiB}')).toEqual([
      expect.stringContaining('must be a size from 6MiB'),
    ]);
    expect(settings('image: x, limits: {memory: 1MiB}')).toEqual([
      expect.stringContaining('must be a size from 6MiB'),
    ]);
  });
});

describe('a manifest makes sense when limits of the process driver', () => {
  const limits = (text: string, agents: string): readonly string[] =>
    issues(`process: {command: x, limits: {${text}}}\nagents: [${agents}]\n`, {
      head: 'name: demo\ndriver: process\n',
    });

  it('leave room for the supervisor, the command and every agent', () => {
    expect(limits('memory: 64MiB, processes: 32', '')).toEqual([]);
    expect(limits('memory: 104MiB, processes: 44', '{name: a}')).toEqual([]);
    expect(limits('memory: 103MiB, processes: 43', '{name: a}')).toEqual([
      expect.stringContaining(
        'INVALID_VALUE process.limits.memory | a workspace with 1 agent needs at least 104MiB, and may have 103MiB',
      ),
      expect.stringContaining(
        'INVALID_VALUE process.limits.processes | a workspace with 1 agent needs at least 44 processes and threads, and may have 43',
      ),
    ]);
    expect(limits('memory: 128MiB', '{name: a}, {name: b}')).toEqual([
      expect.stringContaining(
        'a workspace with 2 agents needs at least 144MiB, and may have 128MiB',
      ),
    ]);
  });
});

describe('a manifest makes sense when agents', () => {
  const agents = (text: string, files?: readonly TemplateFile[]): readonly string[] =>
    issues(`agents: [${text}]\n`, { ...(files === undefined ? {} : { files }) });

  it('have names of their own and no ready check beside them', () => {
    expect(agents('{name: a}, {name: a}')).toEqual([
      '1:28 NAME_DUPLICATE agents[1].name | there are two agents "a"',
    ]);
    expect(issues('ready: {http: /}\nagents: [{name: a}]\n')).toEqual([
      expect.stringContaining('1:1 READY_WITH_AGENTS ready'),
    ]);
  });

  it('or none and a ready check are there, which the driver can make', () => {
    const checked = (driver: string): readonly string[] =>
      issues(`name: demo\ndriver: ${driver}\nready: {tcp: 80}\n`, { head: '' });
    expect(checked('terraform')).toEqual([
      '3:1 READY_UNCHECKED ready | nobody makes a ready check for the driver terraform, and the workspace would never be ready',
    ]);
    expect(checked('"null"')).toEqual([expect.stringContaining('3:1 READY_UNCHECKED ready')]);
    expect(checked('process\nprocess: {command: run}')).toEqual([]);
  });

  it('run scripts that are in the folder and may be executed', () => {
    const files = [
      { path: 'start.sh', executable: true },
      { path: 'bin/plain.sh', executable: false },
    ];
    expect(agents('{name: a, startup: ./start.sh, on_claim: start.sh}', files)).toEqual([]);
    expect(agents('{name: a, startup: ./strat.sh, on_claim: bin/plain.sh}', files)).toEqual([
      '1:29 SCRIPT_MISSING agents[0].startup | there is no file "./strat.sh" in the folder',
      '1:51 SCRIPT_NOT_EXECUTABLE agents[0].on_claim | the file "bin/plain.sh" may not be executed',
    ]);
    expect(agents('{name: a, startup: ./strat.sh}')).toEqual([]);
  });
});
