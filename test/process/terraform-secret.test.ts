// What the terraform driver keeps to itself: secrets of a template and its operator, and the daemon's
// settings. With the program itself.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Build, Driver } from '../../src/provisioner/driver.ts';
import { worldManifest } from '../support/terraform-home.ts';
import { workWithTerraform } from '../support/terraform-work.ts';
import { hasTool } from '../support/tool.ts';

const available = hasTool('terraform');
const terraform = workWithTerraform(available);
const { check, start, remove } = terraform;

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
    terraform.home.build(
      { parameters: { password: CANARY }, agent_token: 'canary-token' },
      worldManifest({ parameters }),
    );
  const open = (fail: string): Driver =>
    terraform.home.open({
      environment: { ...process.env, OPERATORS_TOKEN: 'canary-operator', FAIL: fail },
      listed: ['OPERATORS_*', 'FAIL'],
    });

  it('of a variable, an output or the operator is in no line of the log', async () => {
    await terraform.home.write({ 'main.tf': MODULE });
    terraform.driver = open('0');
    const made = build();
    const { outputs, secretOutputs, lines } = await start(made);
    expect(outputs).toEqual({});
    expect(secretOutputs).toEqual({ password: CANARY });
    expect(lines).toContain('info terraform_data.it: (secret)');
    expect(lines.join('\n')).not.toMatch(/canary/);
    expect((await remove(made)).join('\n')).not.toMatch(/canary/);
  });

  it('is in no error', async () => {
    await terraform.home.write({ 'main.tf': MODULE.replace('exit $FAIL', 'exit 1') });
    terraform.driver = open('1');
    const made = build();
    const { context, lines } = terraform.home.attempt(made);
    const error = await terraform.driver.start(made, context).then(
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
    terraform.driver = open('0');
    const refusal = await check({ 'main.tf': text });
    expect(refusal).toMatch(/main\.tf:1: .*\(secret\)/);
    expect(refusal).not.toMatch(/canary/);
  });

  it('is in no argument and no file that others may read', async () => {
    await terraform.home.write({ 'main.tf': MODULE });
    terraform.driver = open('0');
    const made = build();
    const { context } = terraform.home.attempt(made);
    await terraform.driver.start(made, context);
    const { mode } = await stat(path.join(context.folder, 'variables.tfvars.json'));
    expect(mode & 0o077).toBe(0);
  });
});

describe.runIf(available)('programs of a template', () => {
  it('see of the daemon what is listed, and never its settings', async () => {
    await terraform.home.write({
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
    terraform.driver = terraform.home.open({ environment, listed: ['AWS_*', 'STANDBY_*', 'TF_*'] });
    const made = terraform.home.build({}, worldManifest({ parameters: [] }));
    const { context } = terraform.home.attempt(made);
    await terraform.driver.start(made, context);
    const seen = await readFile(path.join(context.folder, 'seen'), 'utf8');
    const names = seen.split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['AWS_X', 'PATH', 'STANDBY_ATTEMPT_DIR']));
    expect(names.filter((name) => /^(STANDBY_|SECRET|TF_LOG)/.test(name ?? ''))).toEqual([
      'STANDBY_ATTEMPT_DIR',
    ]);
    expect(seen).toContain(`TF_CLI_CONFIG_FILE=${terraform.home.scratch}`);
  });
});
