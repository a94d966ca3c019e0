// The standalone programs, bundled as they are shipped, in a temporary folder.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

export interface Programs {
  readonly agent: string;
  readonly supervisor: string;
  remove(): Promise<void>;
}

export async function buildPrograms(): Promise<Programs> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'standby-programs-'));
  await build({
    entryPoints: {
      agent: 'src/agent/main.ts',
      supervisor: 'src/provisioner/drivers/process/supervisor/main.ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    logLevel: 'silent',
  });
  return {
    agent: path.join(folder, 'agent.mjs'),
    supervisor: path.join(folder, 'supervisor.mjs'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
