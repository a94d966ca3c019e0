// What the terraform driver makes of a template before it is accepted, with the program itself.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readModule } from '../../src/provisioner/drivers/terraform/module/module.ts';
import { createTerraformHome, worldManifest, WORLD_MODULE } from '../support/terraform-home.ts';
import { workWithTerraform } from '../support/terraform-work.ts';
import { hasTool } from '../support/tool.ts';

const available = hasTool('terraform');
const terraform = workWithTerraform(available);
const { check } = terraform;

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
    await terraform.home.remove();
    terraform.home = await createTerraformHome();
    terraform.driver = terraform.home.open();
    expect(await check({ 'main.tf': owner, 'standby_override.tf.json': '{}' })).toMatch(
      /standby_override\.tf\.json, which Standby writes itself/,
    );
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
    await terraform.home.write({ 'main.tf': text, 'more.tf.json': JSON.stringify(json) });
    const { context } = terraform.home.attempt(terraform.home.build());
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
