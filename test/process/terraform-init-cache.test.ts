// What `terraform init` fetches is fetched once. Providers come out of a mirror of packages, because
// nothing else can be reached here; to Terraform that is a download like any other.
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Build, Driver } from '../../src/provisioner/driver.ts';
import {
  createTerraformHome,
  worldManifest,
  type TerraformHome,
} from '../support/terraform-home.ts';
import { hasTool } from '../support/tool.ts';
import { zipOf } from '../support/zip.ts';

const available = hasTool('terraform');
const MODULE = `
terraform {
  required_providers {
    fake = {
      source = "example.com/standby/fake"
    }
  }
}
module "part" {
  source = "./part"
}
`;
const PROGRAM = 'terraform-provider-fake_v1.0.0';
const PLATFORM = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`;

let home: TerraformHome;
let driver: Driver;
let mirror: string;

beforeEach(async () => {
  if (!available) return;
  home = await createTerraformHome();
  await mkdir(path.join(home.scratch, 'template', 'part'));
  await home.write({ 'main.tf': MODULE, 'part/main.tf': 'locals {\n  one = 1\n}\n' });
  mirror = path.join(home.scratch, 'mirror');
  const packages = path.join(mirror, 'example.com', 'standby', 'fake');
  await mkdir(packages, { recursive: true });
  const program = Buffer.alloc(1_200_000, '#!/bin/sh\n');
  const zip = zipOf(PROGRAM, program);
  await writeFile(path.join(packages, `terraform-provider-fake_1.0.0_${PLATFORM}.zip`), zip);
  const cliConfigFile = path.join(home.scratch, 'operator.tfrc');
  await writeFile(
    cliConfigFile,
    `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
  );
  driver = home.open({ cliConfigFile });
});
afterEach(() => home.remove());

/**
 * Checks a version, which is what its archive's hash says, and gives where its provider lies then.
 * The provider is none that could be asked for its schema, but that comes after `init`.
 */
async function check(hash: string, message = 'Failed to load plugin schemas'): Promise<string> {
  const build: Build = home.build({}, worldManifest({ parameters: [] }));
  const { context } = home.attempt(build);
  const checked = driver.check({ ...build.template, file_hash: hash }, context);
  await expect(checked).rejects.toThrow(message);
  const versions = '.terraform/providers/example.com/standby/fake/1.0.0';
  return path.join(context.folder, 'module', versions, PLATFORM, PROGRAM);
}

const kept = (): Promise<readonly string[]> =>
  readdir(path.join(home.scratch, 'terraform', 'init'));

const inode = async (file: string): Promise<number> => (await stat(file)).ino;

describe.runIf(available)('what terraform init fetched', () => {
  it('serves later builds of the version when its source is away', async () => {
    await check('a');
    await rm(mirror, { recursive: true });
    const provider = await check('a');
    expect((await stat(provider)).size).toBe(1_200_000);
    await check('b', 'terraform init failed');
  });

  it('is fetched once for several first builds, and all of them have it', async () => {
    const providers = await Promise.all([check('a'), check('a'), check('a')]);
    const inodes = await Promise.all(providers.map(inode));
    expect(new Set(inodes).size).toBe(1);
    expect(await kept()).toEqual(['terraform-a']);
  });

  it('is stored once for versions that use the same', async () => {
    await check('a');
    await check('b');
    const [a, b] = [await check('a'), await check('b')];
    expect(a).not.toBe(b);
    expect(await inode(a)).toBe(await inode(b));
  });

  it('outlives what an attempt does to its own folder', async () => {
    const provider = await check('a');
    const modules = path.join(provider.split('.terraform')[0] ?? '', '.terraform', 'modules');
    await writeFile(path.join(modules, 'modules.json'), 'no longer JSON');
    await rm(provider);
    await copyFile('/dev/null', provider);
    const again = await check('a');
    expect((await stat(again)).size).toBe(1_200_000);
    expect(await readFile(again, 'utf8')).toMatch(/^#!\/bin\/sh/);
  });

  it('is fetched again when it was damaged', async () => {
    const provider = await check('a');
    const [entry] = await kept();
    const keptProvider = path.join(
      ...[home.scratch, 'terraform', 'init', entry ?? '', provider.split('/module/')[1] ?? ''],
    );
    await writeFile(keptProvider, 'damaged');
    expect((await stat(await check('a'))).size).toBe(1_200_000);
    expect((await stat(keptProvider)).size).toBe(1_200_000);
  });

  it('leaves nothing half made where a crash cut it short', async () => {
    await check('a');
    await mkdir(path.join(home.scratch, 'terraform', 'init', '.half', 'providers'), {
      recursive: true,
    });
    driver = home.open({ cliConfigFile: path.join(home.scratch, 'operator.tfrc') });
    await check('a');
    expect(await kept()).toEqual(['terraform-a']);
  });
});
