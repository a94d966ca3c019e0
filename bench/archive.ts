// Unpacking template archives: time against the system's tar, and the memory that it takes, of contents that
// grow up to the limits, in one file and in as many as there may be.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ARCHIVE_LIMITS } from '../src/archive/limits.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';

const ROUNDS = { rounds: 5, warmUps: 1 };
const MIB = 2 ** 20;
const FOLDERS = 99;

const CASES: readonly Case[] = [
  { name: '1 MiB in a file', files: 1, fileBytes: MIB },
  { name: '16 MiB in a file', files: 1, fileBytes: 16 * MIB },
  { name: '64 MiB in a file', files: 1, fileBytes: 64 * MIB },
  { name: '96 MiB in a file', files: 1, fileBytes: 96 * MIB },
  // With the folders, and the one that holds them all.
  {
    name: 'as many files as may be',
    files: ARCHIVE_LIMITS.entries - FOLDERS - 1,
    fileBytes: 1_024,
  },
];

interface Case {
  readonly name: string;
  readonly files: number;
  readonly fileBytes: number;
}

interface Sample {
  readonly ms: number;
  /** Of the resident memory, at its most; not known of the system's tar. */
  readonly growthMib: number;
}

const run = promisify(execFile);

export const bench = defineBench({
  name: 'archive',
  summary: 'unpacking archives of growing size, time and memory, against the system’s tar; 2 min',
  run: async (stage) => {
    const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-bench-'));
    stage.onEnd(() => rm(scratch, { recursive: true, force: true }));
    const warmUp = await pack(scratch, { name: 'warm-up', files: 200, fileBytes: 4_096 });
    const rows: string[][] = [];
    for (const each of CASES) {
      const archive = await pack(scratch, each);
      const samples = await interleave(stage, armsOf(stage, { scratch, archive, warmUp }), ROUNDS);
      rows.push(await rowOf(each, archive, samples));
      await rm(archive);
    }
    const heads = ['median', 'archive, MiB', 'Standby, ms', 'tar -xzf, ms', 'ratio', 'memory, MiB'];
    stage.print();
    stage.print(renderTable([heads, ...rows]));
  },
});

/** An archive of text that packs about fifteen to one, as the largest contents have to. */
async function pack(scratch: string, { name, files, fileBytes }: Case): Promise<string> {
  const folder = path.join(scratch, 'content');
  for (let file = 0; file < files; file++) {
    const parent = path.join(folder, `folder-${file % Math.min(files, FOLDERS)}`);
    await mkdir(parent, { recursive: true });
    await writeFile(path.join(parent, `file-${file}`), textOf(fileBytes));
  }
  const archive = path.join(scratch, `${name}.tar.gz`);
  await run('tar', ['-C', folder, '-czf', archive, '.']);
  await rm(folder, { recursive: true });
  return archive;
}

function textOf(bytes: number): string {
  const paragraphs: string[] = [];
  for (let length = 0; length < bytes; length += 4_096) {
    const token = randomBytes(180).toString('base64');
    paragraphs.push(`${token}\n${'  # nothing that anybody has not read before\n'.repeat(90)}`);
  }
  return paragraphs.join('').slice(0, bytes);
}

function armsOf(
  { kit: { clock } }: Stage,
  { scratch, archive, warmUp }: Record<'scratch' | 'archive' | 'warmUp', string>,
): readonly Arm<Sample>[] {
  const target = path.join(scratch, 'target');
  const prepare = async (): Promise<void> => {
    await rm(target, { recursive: true, force: true });
    await mkdir(target);
  };
  return [
    {
      name: 'standby',
      prepare,
      run: async () => {
        const program = path.join(import.meta.dirname, 'archive/unpack.ts');
        const args = [...process.execArgv, program, target, warmUp, archive];
        return JSON.parse((await run(process.execPath, args)).stdout) as Sample;
      },
    },
    {
      name: 'tar',
      prepare,
      run: async () => {
        const began = clock.monotonicMs();
        await run('tar', ['-C', target, '-xzf', archive]);
        return { ms: clock.monotonicMs() - began, growthMib: NaN };
      },
    },
  ];
}

async function rowOf(
  { name }: Case,
  archive: string,
  samples: ReadonlyMap<string, readonly Sample[]>,
): Promise<string[]> {
  const standby = samplesOf(samples, 'standby');
  const [own, tar] = [standby, samplesOf(samples, 'tar')].map((some) => some.map(({ ms }) => ms));
  if (own === undefined || tar === undefined) throw new Error('both were measured');
  return [
    name,
    ((await stat(archive)).size / MIB).toFixed(1),
    ...[median(own), median(tar)].map((ms) => ms.toFixed(0)),
    medianRatio(own, tar).toFixed(2),
    median(standby.map(({ growthMib }) => growthMib)).toFixed(1),
  ];
}
