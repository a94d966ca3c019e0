// Output whose writer takes away the rights to it: it is the writer's standard output, also in a sandbox.
import { chmodSync, closeSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openOutput, shortenOutput } from '../../src/base/output-file.ts';
import { asNobody } from '../support/as-nobody.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

it('is kept short, and taken for the next one, without the rights to it', async () => {
  await using folder = await makeTemporaryFolder();
  const file = path.join(folder.path, 'output.log');
  writeFileSync(file, '0123456789');
  asNobody([folder.path, file], () => {
    chmodSync(file, 0);
    shortenOutput(file, 4);
    expect(readFileSync(`${file}.old`, 'utf8')).toBe('6789');
    expect(statSync(file).size).toBe(0);
    chmodSync(file, 0);
    closeSync(openOutput(file));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});
