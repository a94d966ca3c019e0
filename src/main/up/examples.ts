// The example templates that come along: pushed at the first start, where this daemon can run them.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { packFolder } from '../../archive/pack-folder.ts';
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { findPackageRoot } from '../../base/package-root.ts';
import type { Client } from '../../client/client.ts';
import { promoteVersion } from '../../client/promote-version.ts';
import { pushTemplate } from '../../client/push-template.ts';
import { parseManifest } from '../../contract/manifest/parse.ts';
import { templateRoutes } from '../../contract/template/route.ts';
import type { Progress } from '../progress.ts';
import { outlast } from './outlast.ts';

export interface ExampleDeps {
  readonly kit: Kit;
  readonly client: Client;
  readonly progress: Progress;
  readonly organization: string;
  /** Of the daemon beside this. */
  readonly drivers: readonly string[];
  readonly signal: AbortSignal;
}

/** Pushes and promotes those that the organization does not have yet. */
export async function pushExamples(deps: ExampleDeps): Promise<void> {
  const examples = path.join(findPackageRoot(), 'templates');
  for (const name of (await readdir(examples)).sort()) {
    const folder = path.join(examples, name);
    try {
      await outlast(deps, () => pushExample(deps, name, folder));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // One that does not work here keeps nobody from the others, and from templates of their own.
      deps.progress.note(error.detail);
    }
  }
}

function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && REFUSALS.has(error.code);
}

const REFUSALS: ReadonlySet<string> = new Set(['IMPORT_FAILED', 'NO_DAEMON', 'REHEARSAL_REFUSED']);

async function pushExample(deps: ExampleDeps, name: string, folder: string): Promise<void> {
  const { client, progress, organization, signal } = deps;
  const parsed = parseManifest(await readFile(path.join(folder, 'standby.yaml'), 'utf8'));
  if (parsed.kind === 'invalid') throw new Error(`the example ${name} has an invalid manifest`);
  if (!deps.drivers.includes(parsed.manifest.driver)) {
    progress.note(`example ${name} waits: no daemon here offers ${parsed.manifest.driver}`);
    return;
  }
  if (await isThere(deps, name)) return;
  progress.busy('template', `${name}: pushed, a daemon checks it`);
  const { bytes: archive } = await packFolder(folder);
  const pushed = { organization, template: name, archive };
  const version = await pushTemplate({ ...deps.kit, client }, pushed, { signal });
  const promoted = { organization, template: name, version: version.name };
  await promoteVersion({ ...deps.kit, client }, promoted, { signal });
  progress.done('template', `${name} ${version.name}`);
}

/** With an active version: a push that a crash interrupted is made again. */
async function isThere(deps: ExampleDeps, template: string): Promise<boolean> {
  try {
    const params = { organization: deps.organization, template };
    const { body } = await deps.client.call(
      templateRoutes.getTemplate,
      { params },
      { signal: deps.signal },
    );
    return body.active_version !== null;
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}
