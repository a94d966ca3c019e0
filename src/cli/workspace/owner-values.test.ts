import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOwnerValues } from './owner-values.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'standby-values-'));
  await writeFile(path.join(folder, 'token'), '\uFEFFtwo\nlines\r\n');
  await writeFile(path.join(folder, 'tool'), Buffer.from([0, 255, 10]));
  await chmod(path.join(folder, 'tool'), 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => path.join(folder, name);

const read = (given: Partial<Parameters<typeof readOwnerValues>[1]>) => {
  const io = {
    out: () => undefined,
    err: () => undefined,
    async *input() {
      yield await Promise.resolve(Buffer.from('piped\n'));
    },
  };
  return readOwnerValues({ io } as unknown as Parameters<typeof readOwnerValues>[0], {
    ...{ env: [], secret: [], file: [] },
    ...given,
  });
};

describe('what the command line gives for a new owner', () => {
  it('is variables, and the contents of files', async () => {
    expect(
      await read({
        env: ['A=b=c', 'EMPTY='],
        secret: [`token=@${at('token')}`, 'piped=@-'],
        file: [`bin/tool=@${at('tool')}`],
      }),
    ).toEqual({
      environment: { A: 'b=c', EMPTY: '' },
      secrets: { token: '\uFEFFtwo\nlines\r\n', piped: 'piped' },
      files: { 'bin/tool': { content: 'AP8K', encoding: 'base64', mode: '700' } },
    });
  });

  it('has no secret of other bytes than text, and says what takes them', async () => {
    const refused = await read({ secret: [`tool=@${at('tool')}`] }).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: 'USAGE',
      detail: '--secret "tool" is no text in UTF-8',
      hint: 'Give it as a file: --file PATH=@FILE',
    });
  });

  it.each([
    ['a variable without a value', { env: ['A'] }, '--env is "A", not NAME=VALUE'],
    ['a secret that is written out', { secret: ['token=canary'] }, '--secret is not NAME=@FILE'],
    ['a secret without a name', { secret: ['canary'] }, '--secret is not NAME=@FILE'],
    ['a file without @', { file: ['a=b'] }, '--file is not PATH=@FILE'],
    ['a name twice', { env: ['A=1', 'A=2'] }, '--env gives "A" more than one value'],
    ['standard input twice', { secret: ['a=@-'], file: ['b=@-'] }, 'standard input more than once'],
    ['a file that is not there', { secret: ['a=@/nowhere'] }, '--secret cannot read "/nowhere"'],
  ])('is refused: %s', async (_what, given, detail) => {
    const refused = await read(given).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ code: 'USAGE', message: expect.stringContaining(detail) });
    expect(JSON.stringify(refused)).not.toContain('canary');
  });
});
