// Rehearsals of claims by the terraform driver, with the program itself.
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace, Replacement } from '../../src/contract/provisioner/protocol.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { sampleOwner } from '../support/acquired-job.ts';
import { worldManifest, WORLD_MODULE } from '../support/terraform-home.ts';
import { next, workWithTerraform } from '../support/terraform-work.ts';
import { hasTool } from '../support/tool.ts';

const available = hasTool('terraform');
const terraform = workWithTerraform(available);

/** What the claim of a prebuild would destroy. */
async function rehearse(
  build: Build,
  change: Partial<JobWorkspace> = {},
  manifest: Manifest = build.template.manifest,
): Promise<readonly Replacement[]> {
  const stored = await readFile(terraform.home.attempt(build).stateFile, 'utf8');
  const { context, replaced } = terraform.home.attempt(build);
  const owner = sampleOwner({ username: 'rehearsal' });
  const claim = next(build, { stage: 'claim', owner, ...change });
  await terraform.driver.rehearse?.(
    { ...claim, template: { ...claim.template, manifest }, state: stored },
    {
      ...context,
      stateFile: () => Promise.reject(new Error('the lock is not for rehearsals')),
    },
  );
  // Neither the stored state nor what it names has changed.
  expect(await readFile(terraform.home.attempt(build).stateFile, 'utf8')).toBe(stored);
  return replaced;
}

describe.runIf(available)('a rehearsal', () => {
  beforeEach(() => terraform.home.write({ 'main.tf': WORLD_MODULE }));

  it('finds nothing where the owner is changed in place, and changes nothing', async () => {
    const build = terraform.home.build();
    await terraform.start(build);
    const world = await terraform.home.world();
    expect(await rehearse(build)).toEqual([]);
    expect(await terraform.home.world()).toEqual(world);
  });

  it('finds what the owner has replaced, and replaces nothing', async () => {
    await terraform.home.write({
      'owned.tf': `
resource "terraform_data" "owned" {
  triggers_replace = { by = var.standby_owner }
}
`,
    });
    const build = terraform.home.build();
    await terraform.start(build);
    expect(await rehearse(build)).toEqual([
      { address: 'terraform_data.owned', action: 'replace', paths: ['triggers_replace'] },
    ]);
  });

  it('finds any difference where claims build nothing', async () => {
    const build = terraform.home.build();
    await terraform.start(build);
    expect(await rehearse(build, {}, worldManifest({ claim: 'instant' }))).toEqual([
      { address: 'terraform_data.machine[0]', action: 'update', paths: [] },
    ]);
  });

  it('fails when it cannot be planned', async () => {
    const build = terraform.home.build();
    await terraform.start(build);
    await terraform.home.write({
      'rule.tf': `
resource "terraform_data" "rule" {
  lifecycle {
    precondition {
      condition     = var.standby_owner == "u"
      error_message = "Nobody else."
    }
  }
}
`,
    });
    await expect(rehearse(build)).rejects.toThrow('Nobody else.');
  });
});
