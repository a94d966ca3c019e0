// `standby template init`: a small working template to begin with, copied from an example.
import { constants, copyFile, lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MANIFEST_PATH } from '../../../archive/check-archive.ts';
import { AppError } from '../../../base/app-error.ts';
import { excerpt } from '../../../base/excerpt.ts';
import { findPackageRoot } from '../../../base/package-root.ts';
import { checkName } from '../../../domain/name/name.ts';
import { defineCommand } from '../../command.ts';
import { harmless, harmlessJson } from '../../show/harmless.ts';
import { readTemplateFolder } from '../../template/read-folder.ts';

/** The example for each driver that has one. */
const EXAMPLES = { docker: 'hello-docker', process: 'hello' } as const;

export const command = defineCommand({
  name: 'template init',
  summary: 'write a small working template to begin with',
  description:
    'Copies an example into the folder, which is made if need be, and names it after the folder ' +
    'unless --name is given. Nothing that is there is overwritten.',
  arguments: { folder: { summary: 'where to; the current folder', optional: true } },
  options: {
    driver: {
      kind: 'text',
      value: 'DRIVER',
      summary: 'what builds the workspaces',
      choices: ['docker', 'process'],
      default: 'process',
    },
    name: { kind: 'text', value: 'NAME', summary: 'the name of the template' },
  },
  examples: ['standby template init my-template', 'standby template init web --driver docker'],
  run: async ({ io, globals }, { folder = '.', driver, name }) => {
    const template = name ?? basename(resolve(folder));
    const invalid = checkName('template', template);
    if (invalid !== null) {
      const hint = name === undefined ? { hint: 'Choose a name with --name.' } : {};
      throw new AppError(invalid.code, { detail: invalid.detail, ...hint });
    }
    const files = await copyExample(EXAMPLES[driver], folder, template);
    io.out(
      globals.json
        ? `${harmlessJson({ folder, name: template, files })}\n`
        : renderMade(folder, template, files),
    );
    return 0;
  },
});

/** Writes nothing when a file is there already; the paths below `folder`. */
async function copyExample(
  example: string,
  folder: string,
  name: string,
): Promise<readonly string[]> {
  const source = join(findPackageRoot(), 'templates', example);
  const paths = (await readTemplateFolder(source)).files.map(({ path }) => path);
  try {
    for (const path of paths) await assertAbsent(join(folder, path));
    for (const path of paths) await copy(join(source, path), join(folder, path), name);
  } catch (error) {
    if (error instanceof AppError || !(error instanceof Error)) throw error;
    const detail = `The folder ${excerpt(folder)} cannot be written: ${error.message}.`;
    throw new AppError('FILE_UNWRITABLE', detail, { cause: error });
  }
  return paths;
}

async function assertAbsent(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  throw new AppError('FILE_EXISTS', `${excerpt(path)} is there already; nothing was written.`);
}

/** With its mode; the manifest with another name in it. */
async function copy(source: string, target: string, name: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  if (basename(source) !== MANIFEST_PATH) {
    await copyFile(source, target, constants.COPYFILE_EXCL);
    return;
  }
  const text = await readFile(source, 'utf8');
  await writeFile(target, text.replace(/^name: .*$/m, `name: ${name}`), { flag: 'wx' });
}

function renderMade(given: string, name: string, files: readonly string[]): string {
  const folder = harmless(given);
  return (
    `Template ${name} is in ${folder}: ${files.join(', ')}\n\n` +
    `standby template validate ${folder}   checks it\n` +
    `standby template push ${folder}       makes it a version that workspaces come from\n`
  );
}
