// The Terraform driver: a workspace is what a module of Terraform or OpenTofu makes, known by its
// state, which the control plane stores.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { Kit } from '../../../base/kit.ts';
import { ensureFolder } from '../../../base/folder.ts';
import { writePrivateFile } from '../../../base/private-file.ts';
import type { Build, Driver, DriverContext } from '../../driver.ts';
import type { Environment } from '../../tool/environment.ts';
import type { Patience } from '../../tool/run-tool.ts';
import { apply, destroy, rehearse, type Given } from './build.ts';
import { checkTemplate } from './check.ts';
import { readConnection } from './connection.ts';
import { rescueErroredState } from './errored-state.ts';
import { describeTool, type TerraformTool } from './find-tool.ts';
import { createInitCache } from './init-cache.ts';
import type { ProjectDeps } from './project.ts';
import { listResources, readState } from './state.ts';
import { subtractState } from './stray.ts';

export interface TerraformDriverOptions {
  readonly tool: TerraformTool;
  /** The driver's own, kept between jobs. */
  readonly folder: string;
  /** Of the daemon. */
  readonly environment: Environment;
  /** What of it Terraform and its providers get beside the necessary. */
  readonly listed: readonly string[];
  /** The operator's configuration of Terraform itself, with mirrors and credentials. */
  readonly cliConfigFile: string | undefined;
  /** How long a command that is to stop is waited for. */
  readonly patience?: Patience;
}

export function createTerraformDriver(kit: Kit, options: TerraformDriverOptions): Driver {
  const deps: ProjectDeps = {
    kit,
    tool: options.tool,
    cache: createInitCache(kit, path.join(options.folder, 'init')),
    turns: createKeyedMutex(),
    environment: options.environment,
    listed: options.listed,
    cliConfigFile: cliConfigFile(options),
    patience: options.patience,
  };
  // An attempt that was overtaken is stopped, and may be at that yet when the next one begins.
  const turns = createKeyedMutex();
  const inTurn = <T>(
    build: Build,
    context: DriverContext,
    work: (given: Given) => Promise<T>,
  ): Promise<T> =>
    turns.run(build.workspace.id, async () => {
      context.signal.throwIfAborted();
      const stateFile = await context.stateFile();
      return work({ build, context, stateFile, state: await readState(stateFile) });
    });
  return {
    name: 'terraform',
    tool: describeTool(options.tool),
    check: (template, context) => checkTemplate(deps, template, context),
    start: (build, context) =>
      inTurn(build, context, async (given) => {
        await apply(deps, given);
        const state = await readState(given.stateFile);
        if (state === undefined) return { outputs: {} };
        return { ...readConnection(state), resources: listResources(state) };
      }),
    stop: (build, context) =>
      inTurn(build, context, async (given) => {
        if (existsBy(given)) await apply(deps, given);
      }),
    delete: (build, context) =>
      inTurn(build, context, async (given) => {
        if (existsBy(given)) await destroy(deps, given);
      }),
    destroyStray: async ({ stray, current, ...build }, context) => {
      const left = subtractState(stray, current);
      if (left === undefined) return;
      const stateFile = path.join(context.folder, 'stray.tfstate');
      await writeFile(stateFile, left, { mode: 0o600 });
      await destroy(deps, { build, context, stateFile, state: await readState(stateFile) });
    },
    // Not in the workspace's turn: it only looks, and a claim must not wait for it.
    rehearse: async ({ state: copy, ...build }, context) => {
      const stateFile = path.join(context.folder, 'rehearsal.tfstate');
      if (copy !== undefined) await writeFile(stateFile, copy, { mode: 0o600 });
      await rehearse(deps, { build, context, stateFile, state: await readState(stateFile) });
    },
    rescueState: rescueErroredState,
    // What the attempt made is named by its state, which is the control plane's to deal with: a
    // state that comes too late for its build is destroyed by a job of its own.
    undo: async () => undefined,
  };
}

function existsBy({ state }: Given): boolean {
  return state !== undefined && listResources(state).length > 0;
}

/** Without one of the operator's an empty one: what stands in somebody's home is not for builds. */
function cliConfigFile({
  folder,
  cliConfigFile: given,
}: TerraformDriverOptions): () => Promise<string> {
  let written: Promise<string> | undefined;
  const write = async (): Promise<string> => {
    const file = path.join(folder, 'terraform.rc');
    await ensureFolder(folder, 0o700);
    await writePrivateFile(file, 'disable_checkpoint = true\n');
    return file;
  };
  return () => (given === undefined ? (written ??= write()) : Promise.resolve(given));
}
