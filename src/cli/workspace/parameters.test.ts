import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParameters } from './parameters.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-parameters-'));
  await writeFile(path.join(folder, 'token'), 'two\nlines\r\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = (given: {
  readonly parameter?: readonly string[];
  readonly parameterFile?: readonly string[];
}): Promise<Record<string, string>> => {
  const io = {
    out: () => undefined,
    err: () => undefined,
    async *input() {
      yield Buffer.from('from a ');
      yield Buffer.from('pipe\n');
    },
    isOutTty: false,
    isErrTty: false,
    columns: 80,
  };
  return readParameters({ io }, { parameter: [], parameterFile: [], ...given });
};

describe('parameters of the command line', () => {
  it('are what was written, what files hold, and what is piped in', async () => {
    const file = path.join(folder, 'token');
    expect(
      await read({ parameter: ['a=1=2', 'b='], parameterFile: [`token=${file}`, 'pin=-'] }),
    ).toEqual({ a: '1=2', b: '', token: 'two\nlines', pin: 'from a pipe' });
  });

  it.each([
    [{ parameter: ['=1'] }, '--parameter is "=1", not NAME=VALUE'],
    [{ parameterFile: ['token'] }, '--parameter-file is "token", not NAME=FILE'],
    [{ parameter: ['a=1', 'a=2'] }, '--parameter gives "a" more than one value'],
    [{ parameter: ['a=1'], parameterFile: ['a=-'] }, '--parameter gives "a" more than one value'],
    [{ parameterFile: ['a=-', 'b=-'] }, 'names standard input more than once'],
    [{ parameterFile: ['a=/nowhere'] }, 'cannot read "/nowhere": ENOENT'],
  ])('are refused with what is wrong: %j', async (given, message) => {
    await expect(read(given)).rejects.toThrow(message);
  });
});
