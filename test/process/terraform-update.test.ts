// What a failed update leaves of a workspace of the terraform driver, and with which version's files it can be
// deleted then: the control plane chooses the files by what is shown here.
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Build } from '../../src/provisioner/driver.ts';
import { readState } from '../../src/provisioner/drivers/terraform/state.ts';
import { FAILING_MODULE, WORLD_MODULE } from '../support/terraform-home.ts';
import { workWithTerraform } from '../support/terraform-work.ts';
import { hasTool } from '../support/tool.ts';

const available = hasTool('terraform');
const terraform = workWithTerraform(available);
const { start, remove } = terraform;

/** What only the former version has. */
const FORMER = `
resource "terraform_data" "former" {
  input = { name = "\${var.standby_workspace_id}-former" }
  provisioner "local-exec" {
    command = "touch $WORLD/\${self.input.name}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm $WORLD/\${self.input.name}"
  }
}
`;
/** By a provider that only the former version configures. */
const FORMER_PROVIDED = `
provider "terraform" {
  alias = "former"
}
${FORMER.replace('{\n', '{\n  provider = terraform.former\n')}`;

const write = (text: string): Promise<void> => terraform.home.write({ 'main.tf': text });
const stateOf = (build: Build): Promise<string> =>
  readFile(terraform.home.attempt(build).stateFile, 'utf8');
const left = async (build: Build): Promise<unknown> =>
  (await readState(terraform.home.attempt(build).stateFile))?.resources;

describe.runIf(available)('an update of the terraform driver that fails', () => {
  let build: Build;
  let id: string;
  beforeEach(() => {
    build = terraform.home.build();
    ({ id } = build.workspace);
  });

  it('before its apply writes no state, and only the former version can delete the workspace', async () => {
    await write(WORLD_MODULE + FORMER_PROVIDED);
    await start(build);
    const before = await stateOf(build);
    await write(WORLD_MODULE);
    const reason = /provider configuration not present/i;
    await expect(start(build)).rejects.toThrow(reason);
    expect(await stateOf(build)).toBe(before);
    await expect(remove(build)).rejects.toThrow(reason);
    expect(await terraform.home.world()).toHaveLength(3);

    await write(WORLD_MODULE + FORMER_PROVIDED);
    await remove(build);
    expect(await terraform.home.world()).toEqual([]);
    expect(await left(build)).toEqual([]);
  });

  it('in its apply has written the state, and the newer version deletes what both have made', async () => {
    await write(WORLD_MODULE + FORMER);
    await start(build);
    const before = await stateOf(build);
    await write(`${FAILING_MODULE}
resource "terraform_data" "more" {
  input = { name = "\${var.standby_workspace_id}-more" }
  provisioner "local-exec" {
    command = "touch $WORLD/\${self.input.name}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm $WORLD/\${self.input.name}"
  }
}
`);
    await expect(start(build)).rejects.toThrow('BUILD_FAILED');
    expect(await stateOf(build)).not.toBe(before);
    expect(await terraform.home.world()).toContain(`${id}-more`);
    await remove(build);
    expect(await left(build)).toEqual([]);
    // Terraform runs no destroy provisioner of what is in no file, in a build that succeeds neither.
    expect(await terraform.home.world()).toEqual([`${id}-former`]);
  });

  it('leaves nothing of what the newer version keeps with a count of none', async () => {
    await write(WORLD_MODULE + FORMER);
    await start(build);
    await write(FAILING_MODULE + FORMER.replace('{\n', '{\n  count = 0\n'));
    await expect(start(build)).rejects.toThrow('BUILD_FAILED');
    await remove(build);
    expect(await terraform.home.world()).toEqual([]);
  });
});
