// Finding Terraform or OpenTofu, and what a daemon offers without them. The programs are stand-ins
// that answer `version` as the real ones do.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { loadConfig } from '../../src/config/config.ts';
import { createDrivers, type Offer } from '../../src/main/daemon/drivers.ts';
import { findTool } from '../../src/provisioner/drivers/terraform/find-tool.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A program that answers with `text`, in a folder that is all of the PATH. */
async function install(name: string, text: string): Promise<void> {
  const file = path.join(folder.path, 'bin', name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho '${text}'\necho 'on linux_amd64'\n`);
  await chmod(file, 0o755);
}
const find = (named?: string) =>
  findTool(named, { PATH: path.join(folder.path, 'bin'), STANDBY_X: '1' });

describe('Terraform', () => {
  it('is found on the PATH, before OpenTofu', async () => {
    await install('terraform', 'Terraform v1.11.4');
    await install('tofu', 'OpenTofu v1.9.0');
    expect(await find()).toEqual({
      kind: 'found',
      tool: { file: 'terraform', product: 'terraform', version: '1.11.4' },
    });
    expect(await find('tofu')).toMatchObject({ tool: { product: 'tofu', version: '1.9.0' } });
    expect(await find(path.join(folder.path, 'bin', 'tofu'))).toMatchObject({ kind: 'found' });
  });

  it('may be OpenTofu alone', async () => {
    await install('tofu', 'OpenTofu v1.10.2-rc1');
    expect(await find()).toMatchObject({ tool: { file: 'tofu', version: '1.10.2-rc1' } });
  });

  it('is missing with the reason', async () => {
    expect(await find()).toEqual({
      kind: 'missing',
      because: 'there is no terraform on the PATH; there is no tofu on the PATH',
    });
    await install('terraform', 'Terraform v1.8.5');
    await install('tofu', 'hello');
    expect(await find()).toEqual({
      kind: 'missing',
      because:
        'terraform is Terraform 1.8.5; 1.9 or newer is needed; ' +
        'tofu does not answer as Terraform or OpenTofu does',
    });
  });
});

const offerWith = (settings: Readonly<Record<string, string>>): Promise<Offer> => {
  const config = loadConfig(settings);
  const place = { config, folder: folder.path, url: 'http://127.0.0.1:1' };
  return createDrivers(createKit(silentLog), ['null', 'terraform'], place);
};

describe('a daemon with OpenTofu', () => {
  it('offers the driver, and says what it works with', async () => {
    await install('tofu', 'OpenTofu v1.10.5');
    const { drivers } = await offerWith({
      STANDBY_TERRAFORM_BIN: path.join(folder.path, 'bin', 'tofu'),
    });
    expect(drivers.map(({ name, tool }) => [name, tool])).toEqual([
      ['null', undefined],
      ['terraform', 'OpenTofu 1.10.5'],
    ]);
  });
});

describe('a daemon without Terraform', () => {
  const offer = (settings: Readonly<Record<string, string>>): Promise<Offer> =>
    offerWith({ STANDBY_TERRAFORM_BIN: path.join(folder.path, 'none'), ...settings });

  it('offers the others and says why not this one', async () => {
    const { drivers, missing } = await offer({});
    expect(drivers.map(({ name }) => name)).toEqual(['null']);
    expect(missing).toMatchObject([
      { name: 'terraform', because: expect.stringMatching(/^there is no .*none/) as string },
    ]);
  });

  it('does not start when it was asked for', async () => {
    await expect(offer({ STANDBY_PROVISIONER_DRIVERS: 'null,terraform' })).rejects.toThrow(
      /CONFIG_INVALID: STANDBY_PROVISIONER_DRIVERS names "terraform"; it cannot work here: there/,
    );
  });
});
