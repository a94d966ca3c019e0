// What the terraform driver makes of a template before it is accepted, with the program itself.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { ManifestParameter, ManifestPreset } from '../../src/contract/manifest/schema.ts';
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

  describe('with values that its variables do not take', () => {
    const module = `# The rule stands in line 5.
variable "size" {
  type = string
  nullable = false
  validation {
    condition     = contains(["s", "m"], var.size)
    error_message = "It must be s or m."
  }
}
variable "cpus" {
  type = number
}
resource "terraform_data" "it" {
  input = "\${var.size}-\${var.cpus}"
}
`;
    const parameter = (name: string, change: Partial<ManifestParameter>): ManifestParameter => ({
      ...{ name, type: 'string', description: '', default: null, options: [], mutable: false },
      sensitive: false,
      ...change,
    });
    const preset = (
      name: string,
      parameters: Readonly<Record<string, string>>,
    ): ManifestPreset => ({
      ...{ name, description: '', default: false, parameters, prebuilds: null },
    });

    it('is accepted where all fit', async () => {
      const told = await check(
        { 'main.tf': module },
        {
          parameters: [
            parameter('size', { default: 's', options: ['s', 'm'] }),
            parameter('cpus', { type: 'number' }),
          ],
          presets: [preset('small', { cpus: '2' })],
        },
      );
      expect(told).toMatch(/^info/);
      expect(told).not.toMatch(/warn|error/);
    });

    it.each<[string, readonly ManifestParameter[], readonly ManifestPreset[], RegExp]>([
      [
        'a preset',
        [parameter('size', { default: 's' }), parameter('cpus', { type: 'number', default: '1' })],
        [preset('good', { size: 'm' }), preset('big', { size: 'xl' })],
        /^TEMPLATE_REFUSED: the preset "big": size = "xl": Invalid value for variable: It must be s or m\. This was checked by the validation rule at main\.tf:5,\S+$/,
      ],
      [
        'a default',
        [parameter('size', { default: '' }), parameter('cpus', { type: 'number' })],
        [],
        /^TEMPLATE_REFUSED: the defaults: size = "": .*main\.tf:5,\S+$/,
      ],
      [
        'an option',
        [parameter('size', { options: ['s', 'm', 'l'] }), parameter('cpus', { default: '1' })],
        [],
        /^TEMPLATE_REFUSED: the options: size = "l": .*main\.tf:5,\S+$/,
      ],
      [
        'a type',
        [parameter('size', { default: 's' }), parameter('cpus', { default: 'two' })],
        [],
        /^TEMPLATE_REFUSED: the defaults: cpus = "two": Invalid value for input variable: .*var\.cpus declared at main\.tf:10,\S+ a number is required\.$/,
      ],
    ])(
      'is refused for %s, with the place of the rule',
      async (_what, parameters, presets, told) => {
        expect(await check({ 'main.tf': module }, { parameters, presets })).toMatch(told);
      },
    );

    it('is refused for lists and objects, which no parameter can be', async () => {
      const listed = { 'main.tf': 'variable "size" {\n  type = list(string)\n}\n' };
      expect(await check(listed, { parameters: [parameter('size', { default: 'a' })] })).toMatch(
        /the defaults: size = "a": .*main\.tf:1,\S+ list of string required/,
      );
    });

    it('shows no value of a secret', async () => {
      const secret = {
        'main.tf':
          'variable "token" {\n  sensitive = true\n  validation {\n    condition = var.token != ""\n    error_message = "Give one."\n  }\n}\n',
      };
      const parameters = [parameter('token', { default: '', sensitive: true })];
      expect(await check(secret, { parameters })).toMatch(
        /^TEMPLATE_REFUSED: the defaults: token: Invalid value for variable: Give one\..*main\.tf:3,/,
      );
    });

    it('leaves to the build what a rule needs the rest of the module for', async () => {
      const needy = {
        'main.tf': `locals {\n  sizes = ["s"]\n}\nvariable "size" {\n  validation {\n    condition = contains(local.sizes, var.size)\n    error_message = "No."\n  }\n}\n`,
        'more.tf.json':
          '{"variable": {"cpus": {"type": "number", "default": 1}}, "locals": {"a": 1}}',
      };
      expect(await check(needy, { parameters: [parameter('size', { default: 's' })] })).toMatch(
        /^info/,
      );
    });
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
