// Whether agents and the ready check make sense, and the agents' scripts are there.
import { excerpt } from '../../../base/excerpt.ts';
import type { Finding, ManifestPath } from '../issue.ts';
import type { Manifest } from '../schema.ts';
import { findRepeated } from './repeated.ts';

/** A file of the template's folder. */
export interface TemplateFile {
  /** Relative, without `./`. */
  readonly path: string;
  readonly executable: boolean;
}

/** Without `files` the scripts are not looked for. */
export function checkAgents(
  { agents, ready }: Manifest,
  files: readonly TemplateFile[] | undefined,
): readonly Finding[] {
  const findings: Finding[] = [...findRepeated('agent', agents, (name) => name)];
  if (ready !== null && agents.length > 0) {
    findings.push({
      code: 'READY_WITH_AGENTS',
      message: 'ready is for templates without agents: with agents, they say when it is ready',
      hint: 'Remove ready, or check it in the startup script of an agent.',
      path: ['ready'],
      at: 'key',
    });
  }
  if (files === undefined) return findings;
  const byPath = new Map(files.map((file) => [file.path, file]));
  for (const [index, agent] of agents.entries()) {
    for (const key of ['startup', 'on_claim'] as const) {
      const script = agent[key];
      if (script !== null) findings.push(...checkScript(byPath, script, ['agents', index, key]));
    }
  }
  return findings;
}

function checkScript(
  files: ReadonlyMap<string, TemplateFile>,
  script: string,
  path: ManifestPath,
): readonly Finding[] {
  const file = files.get(script.replace(/^(\.\/)+/, ''));
  if (file === undefined) {
    const message = `there is no file ${excerpt(script)} in the folder`;
    return [{ code: 'SCRIPT_MISSING', message, hint: '', path, at: 'value' }];
  }
  if (file.executable) return [];
  const message = `the file ${excerpt(script)} may not be executed`;
  const hint = `Run \`chmod +x ${file.path}\`.`;
  return [{ code: 'SCRIPT_NOT_EXECUTABLE', message, hint, path, at: 'value' }];
}
