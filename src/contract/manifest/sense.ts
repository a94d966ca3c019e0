// What the shape of a manifest cannot say: whether its parts fit each other and the folder.
import type { Finding } from './issue.ts';
import type { Manifest } from './schema.ts';
import { checkAgents, type TemplateFile } from './sense/agent.ts';
import { checkDocker } from './sense/docker.ts';
import { checkDriver } from './sense/driver.ts';
import { checkDeclarations } from './sense/parameter.ts';
import { checkPresets } from './sense/preset.ts';
import { checkProcess } from './sense/process.ts';

/** Empty when all of it makes sense. */
export function checkSense(
  manifest: Manifest,
  files: readonly TemplateFile[] | undefined,
): readonly Finding[] {
  return [
    ...checkDriver(manifest),
    ...checkDocker(manifest, files),
    ...checkProcess(manifest),
    ...checkDeclarations(manifest),
    ...checkPresets(manifest),
    ...checkAgents(manifest, files),
  ];
}
