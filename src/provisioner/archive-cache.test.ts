// Archives of templates, fetched from a control plane that may be away.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import { createKit } from '../base/kit.ts';
import { silentLog } from '../base/log.ts';
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { createArchiveCache } from './archive-cache.ts';

const kit = createKit(silentLog);
const archive = Buffer.from('an archive');
const hash = createHash('sha256').update(archive).digest('hex');
const { signal } = new AbortController();

it('asks a control plane that is away again, and keeps what it gives', async () => {
  await using scratch = await makeTemporaryFolder();
  const errors = [new AppError('SERVER_UNREACHABLE', 'the control plane is away')];
  let asked = 0;
  const cache = createArchiveCache(kit, scratch.path, {
    getFile: () => {
      asked += 1;
      const error = errors.pop();
      return error === undefined ? Promise.resolve(archive) : Promise.reject(error);
    },
  });
  expect(Buffer.from(await cache.get(hash, signal))).toEqual(archive);
  expect(Buffer.from(await cache.get(hash, signal))).toEqual(archive);
  expect(asked).toBe(2);
});

it('asks once for an archive that there is none of, or that is another one', async () => {
  await using scratch = await makeTemporaryFolder();
  const answers = [
    () => Promise.reject(new AppError('NOT_FOUND', 'there is no such file')),
    () => Promise.resolve(Buffer.from('another')),
  ];
  const cache = createArchiveCache(kit, scratch.path, { getFile: () => answers.shift()!() });
  await expect(cache.get(hash, signal)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(cache.get(hash, signal)).rejects.toMatchObject({ code: 'BUILD_FAILED' });
});
