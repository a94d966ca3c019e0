// The lock against real processes: one at a time, none after a kill, and no wait for the dead.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../../src/base/folder-lock.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

const kit = createKit(silentLog);
let scratch: TemporaryFolder;
const started: ChildProcess[] = [];

beforeEach(async () => {
  scratch = await makeTemporaryFolder();
});

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await scratch[Symbol.asyncDispose]();
});

/** Tries once and says "held" or "taken"; a holder stays. */
function contend(program: string, folder: string): ChildProcess {
  const child = spawn(process.execPath, [program, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  return child;
}

async function contender(): Promise<string> {
  const outfile = path.join(scratch.path, 'contender.mjs');
  await build({
    stdin: {
      contents: `
        import { lockFolder } from './src/base/folder-lock.ts';
        import { systemClock } from './src/base/clock.ts';
        import { systemRng } from './src/base/random.ts';
        const kit = { clock: systemClock, rng: systemRng };
        const result = await lockFolder(kit, process.argv[2], { waitMs: 500 });
        process.stdout.write(result.kind);
        if (result.kind === 'held') setInterval(() => undefined, 1_000);`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'silent',
  });
  return outfile;
}

const said = async (child: ChildProcess): Promise<string> => {
  if (child.stdout === null) throw new Error('its output is not read');
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  return text.toString();
};

describe('a folder lock', () => {
  it('is held by one of many processes that come at once, and free again after kill -9', async () => {
    const program = await contender();
    const folder = path.join(scratch.path, 'lock');
    for (let round = 0; round < 2; round += 1) {
      const children = Array.from({ length: 5 }, () => contend(program, folder));
      const answers = await Promise.all(children.map(said));
      expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
      const holder = children[answers.indexOf('held')]!;
      expect(await lockFolder(kit, folder, { waitMs: 0 })).toMatchObject({
        kind: 'taken',
        by: { pid: holder.pid },
      });
      holder.kill('SIGKILL');
      await once(holder, 'exit');
    }
    const last = await lockFolder(kit, folder, { waitMs: 0 });
    expect(last.kind).toBe('held');
    expect(await readdir(folder)).toHaveLength(1); // what the killed left was cleared
  });

  it('is not for two in one process either, and is passed on when it is let go', async () => {
    const folder = path.join(scratch.path, 'lock');
    const seen: string[] = [];
    const enter = async (name: string): Promise<void> => {
      const lock = await lockFolder(kit, folder, { waitMs: 5_000 });
      if (lock.kind === 'taken') throw new Error(`${name} never got it`);
      seen.push(`${name} in`);
      await kit.clock.sleep(5);
      seen.push(`${name} out`);
      await lock.release();
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(enter));
    for (let i = 0; i < seen.length; i += 2) {
      expect(seen[i + 1]).toBe(seen[i]?.replace('in', 'out'));
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes no other file in the folder for a holder', async () => {
    const folder = path.join(scratch.path, 'lock');
    await mkdir(folder);
    await writeFile(path.join(folder, 'README'), 'what is this?');
    const result = await lockFolder(kit, folder, { waitMs: 0 });
    expect(result.kind).toBe('held');
    expect(await readdir(folder)).toContain('README');
  });
});
