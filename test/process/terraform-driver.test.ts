// The terraform driver with the program itself; what every driver has to hold to is in
// test/conformance/terraform.test.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { isGroupAlive } from '../../src/base/process-group.ts';
import { parseManifest } from '../../src/contract/manifest/parse.ts';
import type { Build, Driver, Started } from '../../src/provisioner/driver.ts';
import { readModule } from '../../src/provisioner/drivers/terraform/module/module.ts';
import { readState } from '../../src/provisioner/drivers/terraform/state.ts';
import { sampleOwner } from '../support/acquired-job.ts';
import {
  createTerraformHome,
  ENDLESS_MODULE,
  worldManifest,
  WORLD_MODULE,
  type Attempt,
  type TerraformHome,
} from '../support/terraform-home.ts';
import { hasTool } from '../support/tool.ts';

const available = hasTool('terraform');

let home: TerraformHome;
let driver: Driver;

beforeEach(async () => {
  if (!available) return;
  home = await createTerraformHome();
  driver = home.open();
});
afterEach(() => home.remove());

/** Does one transition, and gives the attempt's log too. */
async function start(build: Build): Promise<Started & Pick<Attempt, 'lines'>> {
  const { context, lines } = home.attempt(build);
  return { ...(await driver.start(build, context)), lines };
}
async function stop(build: Build): Promise<readonly string[]> {
  const { context, lines } = home.attempt(build);
  await driver.stop(next(build, { transition: 'stop' }), context);
  return lines;
}
async function remove(build: Build): Promise<readonly string[]> {
  const { context, lines } = home.attempt(build);
  await driver.delete(next(build, { transition: 'delete' }), context);
  return lines;
}
async function check(files: Readonly<Record<string, string>>, change = {}): Promise<string> {
  await home.write(files);
  const build = home.build({}, worldManifest({ parameters: [], ...change }));
  const { context, lines } = home.attempt(build);
  try {
    await driver.check(build.template, context);
  } catch (error) {
    return (error as Error).message;
  }
  return lines.join('\n');
}

/** Another build of the same workspace. */
const next = (build: Build, change: Partial<Build['workspace']>): Build => ({
  ...build,
  workspace: { ...build.workspace, ...change },
});

describe.runIf(available)('a workspace of the terraform driver', () => {
  beforeEach(() => home.write({ 'main.tf': WORLD_MODULE }));

  it('is what its module makes, with its connection details and resources', async () => {
    const build = home.build();
    const { outputs, secretOutputs, resources } = await start(build);
    const { id } = build.workspace;
    expect(outputs).toEqual({ url: `http://${id}/`, size: '1' });
    expect(secretOutputs).toEqual({});
    expect(resources).toEqual([
      { address: 'terraform_data.disk', type: 'terraform_data' },
      { address: 'terraform_data.machine[0]', type: 'terraform_data' },
    ]);
    expect(await home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
    await remove(build);
    expect(await home.world()).toEqual([]);
  });

  it('tells what becomes of each resource as it happens', async () => {
    const build = home.build();
    const { lines } = await start(build);
    const told = lines.filter((line) => line.startsWith('info ')).map((line) => line.slice(5));
    expect(told[0]).toMatch(/^(Terraform|OpenTofu) \d/);
    expect(told).toContain('plan: 2 to create, 0 to change, 0 to destroy');
    expect(told).toContain('terraform_data.disk: creating');
    expect(told).toContainEqual(
      expect.stringMatching(/^terraform_data\.machine\[0\]: created after \d+\.\d s \(2 of 2\)$/),
    );
  });

  it('gives up what counts starts when it stops, and has it again when it starts', async () => {
    const build = home.build();
    const { id } = build.workspace;
    await start(build);
    await stop(build);
    expect(await home.world()).toEqual([`${id}-disk`]);
    await start(build);
    expect(await home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
  });

  it('keeps its resources when a claim changes its owner', async () => {
    const build = home.build();
    await start(build);
    const before = await readFile(home.attempt(build).stateFile, 'utf8');
    const owner = sampleOwner({ username: 'ann' });
    const { lines } = await start(next(build, { stage: 'claim', owner }));
    const after = await readFile(home.attempt(build).stateFile, 'utf8');
    expect(idsIn(after)).toEqual(idsIn(before));
    expect(after).toContain('"owner": "ann"');
    expect(lines.filter((line) => line.startsWith('warn '))).toEqual([]);
  });

  it('is told to lose what a claim replaces, and why', async () => {
    const build = home.build();
    await start(build);
    const parameters = { ...build.workspace.parameters, size: '2' };
    const { lines } = await start(next(build, { stage: 'claim', parameters }));
    expect(lines).toContain(
      'warn terraform_data.disk: this claim destroys it and makes it anew, because of triggers_replace',
    );
  });

  it('is not touched where there is nothing to stop or delete', async () => {
    const build = home.build();
    expect(await stop(build)).toEqual([]);
    expect(await remove(build)).toEqual([]);
  });

  it('has no state of what its template brings along, wherever the daemon is killed', async () => {
    await home.write({ 'errored.tfstate': '{"lineage":"foreign","serial":9}' });
    const build = home.build();
    const { context, stateFile } = home.attempt(build);
    const templateFolder = async (): Promise<string> => {
      const folder = await context.templateFolder();
      // As the daemon's next life does when this one ends here.
      await driver.rescueState?.({ folder: context.folder, stateFile });
      expect(existsSync(stateFile)).toBe(false);
      return folder;
    };
    await driver.start(build, { ...context, templateFolder });
    await driver.rescueState?.({ folder: context.folder, stateFile });
    expect(await readState(stateFile)).toBeDefined();
    await remove(build);
  });

  it('has a state that could not be saved rescued from where terraform leaves it', async () => {
    await home.write({
      'main.tf': WORLD_MODULE.replace(
        'command = "touch',
        'command = "echo half > errored.tfstate; touch',
      ),
    });
    const build = home.build();
    const { context, stateFile } = home.attempt(build);
    await driver.start(build, context);
    const rescue = driver.rescueState?.({ folder: context.folder, stateFile });
    await expect(rescue).rejects.toThrow(/errored\.tfstate holds no state/);
    await remove(build);
  });

  it('can be built beside another of the same template', async () => {
    const builds = [home.build(), home.build(), home.build()];
    const started = await Promise.all(builds.map(start));
    expect(started.map(({ outputs }) => outputs['url'])).toEqual(
      builds.map(({ workspace }) => `http://${workspace.id}/`),
    );
    await Promise.all(builds.map(remove));
    expect(await home.world()).toEqual([]);
  });
});

describe.runIf(available)('a stray of the terraform driver', () => {
  it('is destroyed but for what the current state names', async () => {
    await home.write({ 'main.tf': WORLD_MODULE });
    const build = home.build();
    const { id } = build.workspace;
    await start(build);
    const current = await readFile(home.attempt(build).stateFile, 'utf8');
    // Another attempt made a disk of its own: nothing but its state knows of it.
    const other = next(build, { id: createId(createKit(silentLog)) });
    await start(next(other, { transition: 'start' }));
    const stray = await readFile(home.attempt(other).stateFile, 'utf8');
    const { resources } = JSON.parse(current) as { readonly resources: readonly unknown[] };
    const both = JSON.parse(stray) as { resources: unknown[] };
    both.resources.push(...resources.map((one) => ({ ...(one as object), name: 'shared' })));

    const { context, lines } = home.attempt(build);
    const late = { ...next(build, { transition: 'delete' }), stray: JSON.stringify(both), current };
    await driver.destroyStray?.(late, context);
    expect(await home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
    expect(lines).toContain('info plan: 0 to create, 0 to change, 2 to destroy');
  });
});

function idsIn(state: string): readonly string[] {
  return [...state.matchAll(/"id": "([^"]+)"/g)].map(([, id]) => id ?? '');
}

describe.runIf(available)('the example hello-terraform', () => {
  it('is built, claimed, stopped, started and deleted, and a claim replaces nothing', async () => {
    const example = path.resolve('templates/hello-terraform');
    const parsed = parseManifest(await readFile(path.join(example, 'standby.yaml'), 'utf8'));
    if (parsed.kind === 'invalid') throw new Error('its manifest is invalid');
    const { manifest } = parsed;
    await home.write({ 'main.tf': await readFile(path.join(example, 'main.tf'), 'utf8') });
    const owner = sampleOwner({ username: 'prebuilds', is_system: true });
    const build = home.build({ parameters: { greeting: 'Hello' }, owner }, manifest);
    await driver.check(build.template, home.attempt(build).context);
    const { resources } = await start(build);
    const before = await readFile(home.attempt(build).stateFile, 'utf8');

    const ann = next(build, { stage: 'claim', owner: sampleOwner({ username: 'ann' }) });
    const { outputs, lines } = await start(ann);
    expect(outputs).toEqual({ greeting: 'Hello, ann!' });
    expect(lines).toContain('info plan: 0 to create, 1 to change, 0 to destroy');
    expect(idsIn(await readFile(home.attempt(build).stateFile, 'utf8'))).toEqual(idsIn(before));

    await stop(ann);
    expect((await start(next(ann, { stage: 'none' }))).resources).toEqual(resources);
    await remove(ann);
    expect((await readState(home.attempt(build).stateFile))?.resources).toEqual([]);
  });
});

describe.runIf(available)('a start of the terraform driver that is canceled', () => {
  it('leaves no program, and what it made is in the state, for the delete', async () => {
    await home.write({ 'main.tf': ENDLESS_MODULE });
    const build = home.build();
    const cancel = new AbortController();
    const { context, stateFile } = home.attempt(build, cancel.signal);
    const reason = new Error('canceled');
    const started = driver.start(build, context);
    const group = groupOf(await waitingIn(context.folder));
    expect(isGroupAlive(group)).toBe(true);
    cancel.abort(reason);
    await expect(started).rejects.toBe(reason);
    expect(isGroupAlive(group)).toBe(false);
    const state = await readState(stateFile);
    expect(state?.resources.map(({ name }) => name)).toContain('disk');
    await remove(build);
    expect(await home.world()).toEqual([]);
  });

  it('fails, and says what may be lost, when an interrupt is not enough', async () => {
    // What is stopped heeds nothing but SIGKILL.
    const stopsTerraform = ENDLESS_MODULE.replace('sleep 600', 'kill -STOP $PPID; sleep 600');
    await home.write({ 'main.tf': stopsTerraform });
    driver = home.open({ patience: { interruptMs: 100, terminateMs: 100 } });
    const build = home.build();
    const cancel = new AbortController();
    const { context } = home.attempt(build, cancel.signal);
    const started = driver.start(build, context);
    const group = groupOf(await waitingIn(context.folder));
    cancel.abort(new Error('canceled'));
    await expect(started).rejects.toThrow(/was forced to; what it was making then may exist/);
    expect(isGroupAlive(group)).toBe(false);
  });
});

describe.runIf(available)('a template of the terraform driver', () => {
  const owner = 'variable "standby_owner" {}\n';

  it('is accepted when it is valid and everything fits', async () => {
    const told = await check(
      { 'main.tf': WORLD_MODULE },
      { parameters: worldManifest().parameters },
    );
    expect(told).toMatch(/^info (Terraform|OpenTofu)/);
    expect(told).not.toMatch(/warn|error/);
  });

  it.each([
    ['variable "v" {\n', /^TEMPLATE_REFUSED: main\.tf:1: Unclosed configuration block/],
    [
      'resource "terraform_data" "x" {\n  inputt = 1\n}\n',
      /^TEMPLATE_REFUSED: main\.tf:2: Unsupported argument: .*Did you mean "input"/,
    ],
    ['\nvariable "region" {}\n', /main\.tf:2: the variable "region" has no default/],
    [
      'variable "standby_ownr" {}\n',
      /gives no variable "standby_ownr"; did you mean "standby_owner"/,
    ],
    ['terraform {\n  encryption {}\n}\n', /encryption/],
  ])('is refused with the place of what is wrong: %j', async (text, message) => {
    expect(await check({ 'main.tf': text })).toMatch(message);
  });

  it('is refused when a parameter has no variable', async () => {
    const [parameter] = worldManifest().parameters;
    const parameters = [{ ...parameter, name: 'world' }];
    expect(
      await check({ 'main.tf': 'variable "word" {\n  default = 1\n}\n' }, { parameters }),
    ).toBe(
      'TEMPLATE_REFUSED: the parameter "world" has no variable of the same name in the module; ' +
        'did you mean "word"?',
    );
  });

  it('is refused when only one side keeps a parameter secret', async () => {
    const [size] = worldManifest().parameters;
    const variable = (secret: string): Readonly<Record<string, string>> => ({
      'main.tf': `variable "size" {\n  ${secret} = true\n}\n`,
    });
    const parameters = (sensitive: boolean) => ({ parameters: [{ ...size, sensitive }] });
    expect(await check(variable('sensitive'), parameters(true))).toMatch(/^info/);
    expect(await check(variable('ephemeral'), parameters(true))).toMatch(/^info/);
    expect(await check(variable('sensitive'), parameters(false))).toBe(
      'TEMPLATE_REFUSED: main.tf:1: "size" is kept secret by one side only; the variable is ' +
        'sensitive: declare the parameter in standby.yaml with `sensitive: true`',
    );
    expect(await check(variable('nullable'), parameters(true))).toMatch(
      /the parameter is sensitive: declare the variable with `sensitive = true`$/,
    );
  });

  it.each(['owner', 'owner_email', 'name', 'workspace_name', 'is_prebuild', 'is_claim'])(
    'with instant claims is refused when it depends on standby_%s',
    async (name) => {
      const files = { 'main.tf': `variable "standby_${name}" {}\n` };
      expect(await check(files)).toMatch(/^info/);
      expect(await check(files, { claim: 'instant' })).toMatch(
        `main.tf:1: a claim changes standby_${name}`,
      );
    },
  );

  it.each([
    ['backend "s3" {\n    bucket = "b"\n  }', 'the backend "s3" is not used'],
    [
      'cloud {\n    organization = "x"\n    workspaces {\n name = "y"\n }\n  }',
      '`cloud` is not used',
    ],
  ])('is told that its own place for the state is not used: %s', async (settings, note) => {
    const text = `${owner}terraform {\n  ${settings}\n}\n`;
    expect(await check({ 'main.tf': text })).toMatch(
      new RegExp(String.raw`warn main\.tf:3: .*${note}: Standby keeps the state`),
    );
  });

  it('is refused when a file of its own would decide where the state is', async () => {
    const backend = { terraform: { backend: { local: { path: '/elsewhere' } } } };
    const files = { 'main.tf': owner, 'zz_override.tf.json': JSON.stringify(backend) };
    expect(await check(files)).toMatch(/zz_override\.tf\.json: a file that overrides others/);
    await home.remove();
    home = await createTerraformHome();
    driver = home.open();
    expect(await check({ 'main.tf': owner, 'standby_override.tf.json': '{}' })).toMatch(
      /standby_override\.tf\.json, which Standby writes itself/,
    );
  });
});

describe.runIf(available)('a secret', () => {
  const CANARY = 'canary-c0ffee';
  const MODULE = `
variable "password" {
  sensitive = true
}
variable "standby_agent_token" {
  ephemeral = true
}
resource "terraform_data" "it" {
  input = var.password
  provisioner "local-exec" {
    command = "echo nothing secret; echo $OPERATORS_TOKEN >&2; exit $FAIL"
  }
  provisioner "local-exec" {
    command = "echo \${nonsensitive(var.password)}"
  }
}
output "standby" {
  sensitive = true
  value     = { password = var.password }
}
`;
  const password = { name: 'password', type: 'string', description: '', default: null } as const;
  const parameters = [{ ...password, options: [], mutable: false, sensitive: true }];
  const build = (): Build =>
    home.build(
      { parameters: { password: CANARY }, agent_token: 'canary-token' },
      worldManifest({ parameters }),
    );
  const open = (fail: string): Driver =>
    home.open({
      environment: { ...process.env, OPERATORS_TOKEN: 'canary-operator', FAIL: fail },
      listed: ['OPERATORS_*', 'FAIL'],
    });

  it('of a variable, an output or the operator is in no line of the log', async () => {
    await home.write({ 'main.tf': MODULE });
    driver = open('0');
    const made = build();
    const { outputs, secretOutputs, lines } = await start(made);
    expect(outputs).toEqual({});
    expect(secretOutputs).toEqual({ password: CANARY });
    expect(lines).toContain('info terraform_data.it: (secret)');
    expect(lines.join('\n')).not.toMatch(/canary/);
    expect((await remove(made)).join('\n')).not.toMatch(/canary/);
  });

  it('is in no error', async () => {
    await home.write({ 'main.tf': MODULE.replace('exit $FAIL', 'exit 1') });
    driver = open('1');
    const made = build();
    const { context, lines } = home.attempt(made);
    const error = await driver.start(made, context).then(
      () => 'it started',
      (thrown: unknown) => String(thrown),
    );
    expect(error).toMatch(/BUILD_FAILED: terraform apply failed: .*local-exec/);
    expect([error, ...lines].join('\n')).not.toMatch(/canary/);
  });

  it.each([
    { by: 'init', text: 'canary-operator {}' },
    { by: 'validate', text: 'output "it" { value = var.canary-operator }' },
  ])('is in no error that refuses the template: by $by', async ({ text }) => {
    driver = open('0');
    const refusal = await check({ 'main.tf': text });
    expect(refusal).toMatch(/main\.tf:1: .*\(secret\)/);
    expect(refusal).not.toMatch(/canary/);
  });

  it('is in no argument and no file that others may read', async () => {
    await home.write({ 'main.tf': MODULE });
    driver = open('0');
    const made = build();
    const { context } = home.attempt(made);
    await driver.start(made, context);
    const { mode } = await stat(path.join(context.folder, 'variables.tfvars.json'));
    expect(mode & 0o077).toBe(0);
  });
});

describe.runIf(available)('programs of a template', () => {
  it('see of the daemon what is listed, and never its settings', async () => {
    await home.write({
      'main.tf': `resource "terraform_data" "it" {
        provisioner "local-exec" {
          command = "env > $STANDBY_ATTEMPT_DIR/seen"
        }
      }`,
    });
    const environment = {
      ...process.env,
      STANDBY_KEY: 'k',
      SECRET: 's',
      AWS_X: 'x',
      TF_LOG: 'TRACE',
    };
    driver = home.open({ environment, listed: ['AWS_*', 'STANDBY_*', 'TF_*'] });
    const made = home.build({}, worldManifest({ parameters: [] }));
    const { context } = home.attempt(made);
    await driver.start(made, context);
    const seen = await readFile(path.join(context.folder, 'seen'), 'utf8');
    const names = seen.split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['AWS_X', 'PATH', 'STANDBY_ATTEMPT_DIR']));
    expect(names.filter((name) => /^(STANDBY_|SECRET|TF_LOG)/.test(name ?? ''))).toEqual([
      'STANDBY_ATTEMPT_DIR',
    ]);
    expect(seen).toContain(`TF_CLI_CONFIG_FILE=${home.scratch}`);
  });
});

describe.runIf(available)('the module reader', () => {
  it('finds what terraform itself finds, in every way of writing it', async () => {
    const text = `# variable "comment" {}
variable "plain" {}
variable "one_line" { default = "}" }
variable secret {
  sensitive = true # yes
  default   = <<-EOT
    variable "heredoc" { default = "\${"x"}" }
  EOT
}
/* variable "block_comment" {} */
variable "object" {
  type = object({ default = string })
}
variable "checked" {
  default = "a"
  validation {
    condition     = length("\${var.checked}}{") > 0
    error_message = "variable \\"no\\" {}"
  }
}
output "standby" {
  value = { plain = var.plain, "variable" = [{ default = 1 }], secret = nonsensitive(var.secret) }
}
`;
    const json = { variable: { in_json: { default: 1, sensitive: true }, json_plain: [{}] } };
    await home.write({ 'main.tf': text, 'more.tf.json': JSON.stringify(json) });
    const { context } = home.attempt(home.build());
    const folder = await context.templateFolder();
    const read = await readModule(folder, 'terraform');
    const given = ['-var=plain=1', '-var=object={default="x"}', '-var=json_plain=1'];
    run(folder, 'init', '-input=false');
    run(folder, 'plan', '-input=false', '-out=plan', ...given);
    const shown = JSON.parse(run(folder, 'show', '-json', 'plan')) as {
      readonly configuration: {
        readonly root_module: {
          readonly variables: Record<
            string,
            { readonly default?: unknown; readonly sensitive?: boolean }
          >;
        };
      };
    };
    const expected = Object.entries(shown.configuration.root_module.variables).map(
      ([name, variable]) => [name, Object.hasOwn(variable, 'default'), variable.sensitive === true],
    );
    const found = [...read.variables.values()].map(({ name, hasDefault, secret }) => [
      name,
      hasDefault,
      secret,
    ]);
    expect(new Map(found.map((one) => [one[0], one]))).toEqual(
      new Map(expected.map((one) => [one[0], one])),
    );
    expect(found).toHaveLength(7);
  });
});

function run(folder: string, ...args: readonly string[]): string {
  const environment = {
    PATH: process.env['PATH'],
    CHECKPOINT_DISABLE: '1',
    TF_CLI_CONFIG_FILE: '/dev/null',
  };
  return execFileSync('terraform', [...args], { cwd: folder, env: environment, encoding: 'utf8' });
}

/** The pid of the program in which the endless module waits. */
function waitingIn(folder: string): Promise<number> {
  const look = (): number => {
    const pid = Number(readFileSync(path.join(folder, 'waiting'), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  };
  return vi.waitFor(look, { timeout: 60_000, interval: 20 });
}

/** Field 5 of its /proc line. */
function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]);
}
