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
  manifest: Manifest,
  files: readonly TemplateFile[] | undefined,
): readonly Finding[] {
  const { agents } = manifest;
  const findings = [...findRepeated('agent', agents, (name) => name), ...checkReady(manifest)];
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

/** Their workspaces live on the daemon's machine, where it can repeat a check. */
const DRIVERS_THAT_CHECK: ReadonlySet<string> = new Set(['docker', 'process']);

function checkReady({ driver, agents, ready }: Manifest): readonly Finding[] {
  if (ready === null) return [];
  const place = { path: ['ready'], at: 'key' } as const;
  if (agents.length > 0) {
    const message = 'ready is for templates without agents: with agents, they say when it is ready';
    const hint = 'Remove ready, or check it in the startup script of an agent.';
    return [{ code: 'READY_WITH_AGENTS', message, hint, ...place }];
  }
  if (DRIVERS_THAT_CHECK.has(driver)) return [];
  const message = `nobody makes a ready check for the driver ${driver}, and the workspace would never be ready`;
  const hint =
    'Remove ready: the workspace is ready when its build succeeds. Or run an agent in it, which says so.';
  return [{ code: 'READY_UNCHECKED', message, hint, ...place }];
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
