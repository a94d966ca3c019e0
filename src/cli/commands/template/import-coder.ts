// `standby template import-coder`: the manifest for a template that people have for Coder.
import { writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { MANIFEST_PATH } from '../../../archive/check-archive.ts';
import { AppError } from '../../../base/app-error.ts';
import { excerpt } from '../../../base/excerpt.ts';
import { checkName } from '../../../domain/name/name.ts';
import { convertModule, type Imported } from '../../coder/convert.ts';
import { readCoderModule } from '../../coder/module.ts';
import { defineCommand } from '../../command.ts';
import { DRY_RUN_OPTION } from '../../session/dry-run.ts';
import { harmless, harmlessJson } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'template import-coder',
  summary: 'write standby.yaml for a Coder template',
  description:
    'Reads the *.tf files of the folder and carries parameters, presets, prebuild counts, TTLs, ' +
    'schedules and tags over to standby.yaml, which must not be there. What it cannot carry over it ' +
    'prints as file:line, with what takes its place; the *.tf files stay as they are. With --dry-run ' +
    'it prints the manifest instead.',
  arguments: { folder: { summary: 'the folder of the Coder template' } },
  options: {
    name: { kind: 'text', value: 'NAME', summary: 'the name of the template; the folder’s' },
    dryRun: DRY_RUN_OPTION,
  },
  examples: [
    'standby template import-coder my-template',
    'standby template import-coder my-template --dry-run',
  ],
  run: async ({ io, globals }, { folder, name = basename(resolve(folder)), dryRun }) => {
    const invalid = checkName('template', name);
    if (invalid !== null) {
      const hint = 'Choose a name with --name.';
      throw new AppError(invalid.code, { detail: invalid.detail, hint });
    }
    const module = await readCoderModule(folder);
    if (!module.blocks.some(({ block }) => block.labels[0]?.startsWith('coder_') === true)) {
      throw new AppError('HCL_INVALID', {
        detail: `The *.tf files of ${excerpt(folder)} have nothing of Coder's in them.`,
        hint: 'Name the folder that holds main.tf of a Coder template.',
      });
    }
    const imported = convertModule(module, name);
    const file = join(folder, MANIFEST_PATH);
    if (!dryRun) await writeNew(file, imported.manifest);
    if (globals.json) {
      io.out(`${harmlessJson({ file, written: !dryRun, ...imported })}\n`);
      return 0;
    }
    if (dryRun) io.out(imported.manifest.split('\n').map(harmless).join('\n'));
    else io.out(renderWritten(file, imported));
    io.out(renderNotes(folder, file, imported));
    return 0;
  },
});

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new AppError('FILE_EXISTS', `${excerpt(file)} is there already; nothing was written.`);
    }
    const detail = `${excerpt(file)} cannot be written: ${(error as Error).message}.`;
    throw new AppError('FILE_UNWRITABLE', detail, { cause: error });
  }
}

function renderWritten(file: string, { parameters, presets }: Imported): string {
  const pools = presets.filter(({ prebuilds }) => prebuilds !== undefined).length;
  return `${harmless(file)} is written: ${count(parameters.length, 'parameter')}, ${count(presets.length, 'preset')}, ${count(pools, 'pool')}.\n`;
}

function renderNotes(folder: string, manifest: string, { notes, issues }: Imported): string {
  const left = notes.map(
    ({ file, line, message }) => `${harmless(join(folder, file))}:${line}: ${harmless(message)}\n`,
  );
  const refused = issues.map(
    ({ line, column, message, code }) =>
      `${harmless(manifest)}:${line}:${column}: ${harmless(message)} (${code})\n`,
  );
  return [
    left.length === 0 ? '' : `\nNot carried over:\n${left.join('')}`,
    refused.length === 0 ? '' : `\nTo be mended before a push:\n${refused.join('')}`,
  ].join('');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
