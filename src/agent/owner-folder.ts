// The folder with what the present owner gave: `environment` for shells to source, `secrets/NAME`, and
// `files/PATH`. It is put together beside its place, so that nobody ever finds half of it.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { AgentValues } from '../contract/agent/protocol.ts';

export function ownerFolder(stateDir: string): string {
  return path.join(stateDir, 'owner');
}

/** What a former owner gave is gone when it resolves; with null, nothing takes its place. */
export async function replaceOwnerFolder(
  stateDir: string,
  values: AgentValues | null,
): Promise<void> {
  const folder = ownerFolder(stateDir);
  const scratch = path.join(stateDir, '.owner');
  await rm(scratch, { recursive: true, force: true });
  if (values !== null) {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await fill(scratch, values);
  }
  await rm(folder, { recursive: true, force: true });
  if (values !== null) await rename(scratch, folder);
}

async function fill(folder: string, { environment, secrets, files }: AgentValues): Promise<void> {
  // Not recursive: it fails where somebody has put something in its place.
  await mkdir(folder, { mode: 0o700 });
  const secretsFolder = path.join(folder, 'secrets');
  const filesFolder = path.join(folder, 'files');
  await mkdir(secretsFolder, { mode: 0o700 });
  await mkdir(filesFolder, { mode: 0o700 });
  await write(path.join(folder, 'environment'), environment.map(exportLine).join(''), '600');
  for (const { name, value } of secrets) await write(below(secretsFolder, name), value, '600');
  for (const { path: name, mode, content } of files) {
    const file = below(filesFolder, name);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await write(file, Buffer.from(content.base64, 'base64'), mode);
  }
}

/** Throws where there is something already, a link as well: there cannot be. */
function write(file: string, content: string | Buffer, mode: string): Promise<void> {
  return writeFile(file, content, { flag: 'wx', mode: Number.parseInt(mode, 8) });
}

/** The control plane refuses such paths; nothing is written elsewhere even should it not. */
function below(folder: string, name: string): string {
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new Error('a path leads out of the folder of the owner');
  }
  return path.join(folder, ...parts);
}

function exportLine({ name, value }: AgentValues['environment'][number]): string {
  return `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`;
}
