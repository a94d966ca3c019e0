// Secrets in a whole installation: a canary given to a sensitive parameter, and one that Terraform
// makes of it, are looked for wherever anybody or anything could read them. And what jobs are handed
// of the daemon that runs them.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type Client } from '../../src/client/client.ts';
import { jobRoutes } from '../../src/contract/job/route.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { askEverything, dumpDatabase, findIn, readFiles } from '../support/canary.ts';
import { runCommandLineWith } from '../support/command-line.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { buildBin, runBin, startProgram, type Program } from '../support/program.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const available = hasTool('terraform');

/** No character of it means anything to a shell, and some do in a URL. */
const CANARY = 'Canary_7f3a9c+c0ffee/51d8=';
const OUTPUT_CANARY = createHash('sha256').update(CANARY).digest('hex');
const OPERATORS = 'operators-5be1';

const terraformModule = (seen: string): string => `
variable "token" {
  sensitive = true
}
variable "fail" {
  type = bool
}
variable "standby_start_count" {}

resource "terraform_data" "it" {
  count = var.standby_start_count
  input = var.token
  provisioner "local-exec" {
    command = "env > ${seen}/terraform.env; tr '\\\\0' '\\\\n' < /proc/$PPID/cmdline > ${seen}/terraform.args"
  }
  provisioner "local-exec" {
    command = "echo told $TOLD; printf %s $TOLD | base64; echo '{\\"t\\":\\"'$TOLD'\\"}'"
    environment = { TOLD = nonsensitive(var.token) }
  }
  lifecycle {
    precondition {
      condition     = !var.fail
      error_message = nonsensitive("no luck at https://\${urlencode(var.token)}@host with \${base64encode("u:\${var.token}")}, \${var.token}")
    }
  }
}
output "standby" {
  sensitive = true
  value     = { url = "http://host/", password = sha256(var.token) }
}
`;

const parameters = `parameters:
  - {name: token, sensitive: true}
  - {name: fail, type: bool, default: false}
presets:
  - {name: default}
`;
const manifests = (seen: string): Readonly<Record<string, string>> => ({
  clouds: `name: clouds\ndriver: terraform\n${parameters}`,
  local:
    `name: local\ndriver: process\n${parameters}` +
    `process: {command: "env > ${seen}/process.env; exec sleep 600"}\n`,
});

let scratch: string;
let database: TestDatabase;
let server: Program;
let daemon: Program;
const running: Program[] = [];
let url: string;
let key: string;
let admin: Person;
let ann: Person;
let bob: Person;

interface Person {
  readonly client: Client;
  readonly token: string;
}

const at = (...names: readonly string[]): string => path.join(scratch, ...names);

const as = (token: string): Person => ({ token, client: createClient({ url, token }) });

async function person(username: string): Promise<Person> {
  const body = { username, organizations: ['default'] };
  await admin.client.call(peopleRoutes.createUser, { body });
  const made = await admin.client.call(peopleRoutes.createToken, {
    body: { name: 'test', username },
  });
  return as(made.body.secret);
}

/** A command of the person's, which must end well unless said otherwise. Gives what it printed. */
async function run(who: Person, argv: readonly string[], status = 0): Promise<string> {
  const environment = { STANDBY_URL: url, STANDBY_TOKEN: who.token, STANDBY_DATA_DIR: at('cli') };
  const ended = await runCommandLineWith(environment, ...argv);
  expect(ended, argv.join(' ')).toMatchObject({ status });
  return ended.out + ended.err;
}

beforeAll(async () => {
  if (!available) return;
  buildBin();
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-secret-'));
  for (const name of ['seen', 'clouds', 'local']) await mkdir(at(name));
  for (const [name, text] of Object.entries(manifests(at('seen')))) {
    await writeFile(at(name, 'standby.yaml'), text);
  }
  await writeFile(at('clouds', 'main.tf'), terraformModule(at('seen')));
  await writeFile(at('token'), `${CANARY}\n`);
  database = await createTestDatabase({ schema: 'empty' });

  const everybodys = { STANDBY_DATABASE_URL: database.url, STANDBY_LOG_LEVEL: 'debug' };
  server = startProgram(['server', '--http-port', '0', '--data-dir', at('server')], {
    environment: everybodys,
  });
  running.push(server);
  url = /Standby serves at (\S+)/.exec(await server.until('Standby serves at '))?.[1] ?? '';
  key = (await readFile(at('server', 'provisioner.key'), 'utf8')).trim();
  daemon = startProgram(
    ['provisioner', '--drivers', 'process,terraform', '--data-dir', at('daemon')],
    {
      environment: {
        ...{ ...everybodys, STANDBY_URL: url, STANDBY_PROVISIONER_KEY: key },
        OPERATORS_SECRET: OPERATORS,
      },
    },
  );
  running.push(daemon);
  await daemon.until('The daemon works for');

  const file = await readFile(at('server', 'credentials.json'), 'utf8');
  admin = as((JSON.parse(file) as { readonly token: string }).token);
  ann = await person('ann');
  bob = await person('bob');
  for (const name of ['clouds', 'local']) await run(admin, ['template', 'push', at(name)]);
}, 120_000);

afterAll(async () => {
  if (!available) return;
  await Promise.all(running.map((program) => program.end('SIGKILL')));
  await runBin(['down', '--data-dir', at('daemon')]);
  await database.close();
  await rm(scratch, { recursive: true, force: true });
}, 60_000);

interface World {
  readonly workspaces: readonly string[];
  readonly jobs: readonly string[];
}

async function findWorld(): Promise<World> {
  const listed = await admin.client.call(workspaceRoutes.listWorkspaces, {
    query: { owner: 'all' },
  });
  const params = { organization: 'default' };
  const { body } = await admin.client.call(jobRoutes.listJobs, { params, query: {} });
  return {
    workspaces: listed.body.items.map(({ id }) => id),
    jobs: body.items.map(({ id }) => id),
  };
}

/** Whatever people can ask for, each answer by its path. */
const readApi = (who: Person, world: World): Promise<ReadonlyMap<string, string>> =>
  askEverything(
    { url, token: who.token },
    {
      organization: ['default'],
      template: ['clouds', 'local'],
      version: ['v1'],
      preset: ['default'],
      group: ['prebuilt-workspaces'],
      workspace: world.workspaces,
      job: world.jobs,
      // Nobody stands in line here: test/db/claim/waiting.test.ts looks at what is kept of those who do.
      waiter: [],
    },
  );

async function readCommands(who: Person, world: World): Promise<ReadonlyMap<string, string>> {
  const commands = [
    ...['job list', 'keys list', 'org list', 'pool list', 'provisioner key list', 'whoami'],
    ...['provisioner list', 'template list', 'token list', 'user list', 'workspace list'],
    ...['template show clouds', 'template show local'],
    ...world.workspaces.flatMap((id) => [`workspace show ${id}`, `workspace logs ${id}`]),
    ...world.jobs.flatMap((id) => [`job show ${id}`, `job logs ${id}`]),
  ];
  const printed = new Map<string, string>();
  for (const command of commands) {
    for (const more of [[], ['--json']]) {
      const argv = [...command.split(' '), ...more];
      printed.set(argv.join(' '), await run(who, argv));
    }
  }
  return printed;
}

const create = (name: string, template: string): readonly string[] => [
  ...['create', name, '--template', template, '--preset', 'none', '--json'],
  ...['--parameter-file', `token=${at('token')}`],
];

const show = async (who: Person, id: string): Promise<WorkspaceView> =>
  (await who.client.call(workspaceRoutes.getWorkspace, { params: { workspace: id }, query: {} }))
    .body;

describe.runIf(available)('a canary in sensitive parameters and outputs', () => {
  it('is nowhere where anybody but its owner and its job could read it', async () => {
    const made = await run(ann, create('cloud', 'clouds'));
    await run(ann, create('shop', 'local'));
    const broken = await run(ann, [...create('broken', 'clouds'), '--parameter', 'fail=true'], 70);
    expect(broken).toContain('no luck at https://(secret)@host');
    const world = await findWorld();
    expect(world).toMatchObject({ workspaces: { length: 3 }, jobs: { length: 5 } });

    // The owner is shown the output, and nobody the parameter.
    const { workspace } = JSON.parse(made) as { readonly workspace: WorkspaceView };
    expect(await show(ann, workspace.id)).toMatchObject({
      parameters: { fail: 'false' },
      sensitive_parameters: ['token'],
      outputs: { password: OUTPUT_CANARY },
    });
    expect((await show(admin, workspace.id)).outputs).toEqual({});
    const said = new Map([
      ['server', server.said()],
      ['daemon', daemon.said()],
      ['broken', broken],
    ]);
    const told = await readApi(admin, world);
    // Not because there is nothing to be seen.
    expect([...told.values()].some((text) => text.includes('told (secret)'))).toBe(true);
    for (const texts of [
      ...[said, await dumpDatabase(database.connection), told, await readApi(bob, world)],
      await readCommands(admin, world),
    ]) {
      expect(findIn(texts, CANARY)).toEqual([]);
      expect(findIn(texts, OUTPUT_CANARY)).toEqual([]);
    }
    const anns = await readApi(ann, world);
    expect(findIn(anns, CANARY)).toEqual([]);
    expect(findIn(anns, OUTPUT_CANARY)).toEqual([`/api/v1/workspaces/${workspace.id}`]);

    // What runs again after a restart has to be known; nothing else is left by jobs that have ended.
    const plan = /^daemon\/provisioner\/workspaces\/[0-9a-f-]+\/plan\.json$/;
    const onDisk = new Map([
      ...(await readFiles(scratch, 'daemon')),
      ...(await readFiles(scratch, 'server')),
    ]);
    expect(findIn(onDisk, CANARY)).toEqual([expect.stringMatching(plan)]);
    expect(findIn(onDisk, OUTPUT_CANARY)).toEqual([]);
    await run(ann, ['workspace', 'delete', 'shop']);
    await run(ann, ['workspace', 'delete', 'cloud']);
    await until(async () => {
      expect(findIn(await readFiles(scratch, 'daemon'), CANARY)).toEqual([]);
    });
    const ended = new Map([
      ...(await dumpDatabase(database.connection)),
      ['daemon', daemon.said()],
    ]);
    expect(findIn(ended, CANARY)).toEqual([]);
    expect(findIn(ended, OUTPUT_CANARY)).toEqual([]);
  }, 240_000);
});

describe.runIf(available)('what a job is handed of its daemon', () => {
  it.each([
    ['terraform', 'clouds', /^(STANDBY_ATTEMPT_DIR|TF_\w+|CHECKPOINT_DISABLE)$/],
    ['process', 'local', /^(PORT|STANDBY_(PORT|PARAMETER_\w+|WORKSPACE_\w+|ORGANIZATION))$/],
  ])(
    'by the %s driver is no setting, no key and no way to others',
    async (driver, template, own) => {
      // What was seen of earlier ones.
      for (const name of await readdir(at('seen'))) await rm(at('seen', name));
      const id = (
        JSON.parse(await run(ann, create(`${driver}-job`, template))) as {
          readonly workspace: WorkspaceView;
        }
      ).workspace.id;
      const environment = await until(async () => {
        const text = await readFile(at('seen', `${driver}.env`), 'utf8');
        expect(text).toContain('_DIR=');
        return text;
      });
      const common = /^(PATH|LANG|LC_ALL|TZ|USER|LOGNAME|SHELL|HOME|TMPDIR|PWD|OLDPWD|SHLVL|_)$/;
      const names = environment
        .trim()
        .split('\n')
        .map((line) => line.split('=', 1)[0] ?? '');
      expect(names.filter((name) => !common.test(name) && !own.test(name))).toEqual([]);

      const files = await readdir(at('seen'));
      const seen = files.filter((name) => name.startsWith(driver));
      const handed = (
        await Promise.all(seen.map((name) => readFile(at('seen', name), 'utf8')))
      ).join();
      const secretKey = (await readFile(at('server', 'secret.key'), 'utf8')).trim();
      for (const kept of [key, secretKey, database.url, OPERATORS, at('server')]) {
        expect(handed).not.toContain(kept);
      }
      if (driver === 'terraform') expect(handed).not.toContain(CANARY);

      // Of the daemon's folder only its own place there, and Terraform's configuration.
      const provisioner = at('daemon', 'provisioner');
      const paths = handed.match(new RegExp(`${provisioner}[\\w./-]*`, 'g')) ?? [];
      const [place] = /(?<=_DIR=).*/.exec(environment) ?? [];
      expect(place).toContain(driver === 'process' ? id : provisioner);
      const others = paths.filter((one) => !one.startsWith(place ?? ''));
      expect(
        others.filter((one) => one !== path.join(provisioner, 'terraform/terraform.rc')),
      ).toEqual([]);
      for (const folder of ['work', 'workspaces', path.relative(provisioner, place ?? '')]) {
        const found = await stat(path.join(provisioner, folder)).catch(() => undefined);
        // An attempt's is gone with it.
        if (found === undefined) expect(driver).toBe('terraform');
        else expect((found.mode & 0o777).toString(8)).toBe('700');
      }
    },
    120_000,
  );
});
