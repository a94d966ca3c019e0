// `standby template validate`: what a push would refuse, without a server.
import { join } from 'node:path';
import { MANIFEST_PATH } from '../../../archive/check-archive.ts';
import { ERRORS } from '../../../base/error-catalog.ts';
import { manifestInvalid, type ManifestIssue } from '../../../contract/manifest/issue.ts';
import type { Manifest } from '../../../contract/manifest/schema.ts';
import { defineCommand } from '../../command.ts';
import { harmless, harmlessJson } from '../../show/harmless.ts';
import { readTemplateFolder, type TemplateFolder } from '../../template/read-folder.ts';

export const command = defineCommand({
  name: 'template validate',
  summary: 'check a template without a server',
  description:
    'Checks standby.yaml and what of the folder may be pushed, and prints everything that is wrong ' +
    'as file:line:column. The driver itself is asked when the template is pushed.',
  arguments: {
    folder: { summary: 'the folder with standby.yaml; the current one', optional: true },
  },
  options: {},
  examples: ['standby template validate templates/hello'],
  run: async ({ io, globals }, { folder = '.' }) => {
    const template = await readTemplateFolder(folder);
    const { parsed } = template;
    if (parsed.kind === 'valid') {
      const view = viewOf(parsed.manifest, template);
      io.out(globals.json ? `${harmlessJson(view)}\n` : renderValid(view));
      return 0;
    }
    if (globals.json) throw manifestInvalid(parsed.issues);
    io.out(renderIssues(join(folder, MANIFEST_PATH), parsed.issues));
    return ERRORS.MANIFEST_INVALID.exit;
  },
});

interface ValidTemplate {
  readonly name: string;
  readonly driver: string;
  readonly presets: readonly string[];
  readonly files: number;
  readonly packed_bytes: number;
  readonly sha256: string;
  readonly skipped: readonly string[];
}

function viewOf(manifest: Manifest, { packed, files }: TemplateFolder): ValidTemplate {
  return {
    name: manifest.name,
    driver: manifest.driver,
    presets: manifest.presets.map(({ name }) => name),
    files: files.length,
    packed_bytes: packed.bytes.length,
    sha256: packed.sha256,
    skipped: packed.skipped,
  };
}

function renderValid(view: ValidTemplate): string {
  const names = harmless(view.presets.join(', '));
  const presets = names === '' ? 'no presets' : `presets: ${names}`;
  const skipped =
    view.skipped.length === 0 ? '' : `Left out: ${harmless(view.skipped.join(', '))}\n`;
  return (
    `Template ${view.name} is valid (driver ${view.driver}; ${presets}).\n` +
    `${plural(view.files, 'file')}, ${view.packed_bytes} bytes packed, sha256 ${view.sha256}\n${skipped}`
  );
}

function renderIssues(file: string, issues: readonly ManifestIssue[]): string {
  const lines = issues.map(({ line, column, code, message, hint }) => {
    const advice = hint === '' ? '' : `    ${harmless(hint)}\n`;
    return `${harmless(file)}:${line}:${column}: ${harmless(message)} (${code})\n${advice}`;
  });
  return `${lines.join('')}${plural(issues.length, 'issue')}.\n`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
