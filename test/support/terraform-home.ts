// Where the terraform driver is tried: its daemon's folders, the stored states, and the world, a
// folder in which its templates make and remove files as they would virtual machines.
import { mkdirSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import type { JobWorkspace, Replacement } from '../../src/contract/provisioner/protocol.ts';
import {
  ATTEMPT_MARK,
  type Build,
  type Driver,
  type DriverContext,
} from '../../src/provisioner/driver.ts';
import {
  createTerraformDriver,
  type TerraformDriverOptions,
} from '../../src/provisioner/drivers/terraform/driver.ts';
import { findTool } from '../../src/provisioner/drivers/terraform/find-tool.ts';
import { findMarked } from '../../src/provisioner/marked-process.ts';
import { createRedactor } from '../../src/provisioner/tool/redact.ts';
import { sampleWorkspace } from './acquired-job.ts';
import { sampleManifest } from './manifest.ts';

/** A disk that stays, a machine that a stop takes away, and who owns them. */
export const WORLD_MODULE = `
variable "size" {
  type    = number
  default = 1
}
variable "standby_workspace_id" {}
variable "standby_owner" {}
variable "standby_start_count" {}

resource "terraform_data" "disk" {
  input            = { name = "\${var.standby_workspace_id}-disk" }
  triggers_replace = [var.size]
  provisioner "local-exec" {
    command = "touch $WORLD/\${self.input.name}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm $WORLD/\${self.input.name}"
  }
}

resource "terraform_data" "machine" {
  count = var.standby_start_count
  input = {
    name  = "\${terraform_data.disk.output.name}.machine"
    owner = var.standby_owner
  }
  provisioner "local-exec" {
    command = "touch $WORLD/\${self.input.name}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm $WORLD/\${self.input.name}"
  }
}

output "standby" {
  value = { url = "http://\${var.standby_workspace_id}/", size = var.size }
}
`;

/** When its start has made everything it waits, in a program of its own, until it is interrupted. */
export const ENDLESS_MODULE = `${WORLD_MODULE}
resource "terraform_data" "endless" {
  count = var.standby_start_count
  input = terraform_data.machine[0].output
  provisioner "local-exec" {
    command = "echo $$ > $STANDBY_ATTEMPT_DIR/waiting; sleep 600"
  }
}
`;

/** Its start fails when it has made everything. */
export const FAILING_MODULE = ENDLESS_MODULE.replace('sleep 600', 'exit 3');

export interface TerraformHome {
  readonly scratch: string;
  /** The driver as a daemon's next life has it. */
  open(change?: Partial<TerraformDriverOptions>): Driver;
  /** Writes the template's files; those that were there stay. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  build(change?: Partial<JobWorkspace>, manifest?: Manifest): Build;
  attempt(build: Pick<Build, 'workspace'>, signal?: AbortSignal): Attempt;
  /** Names of what exists. */
  world(): Promise<readonly string[]>;
  /** Pids of what works for attempts. */
  working(): readonly number[];
  remove(): Promise<void>;
}

/** What the daemon gives the driver for one attempt. */
export interface Attempt {
  readonly context: DriverContext;
  readonly stateFile: string;
  readonly lines: readonly string[];
  readonly replaced: readonly Replacement[];
}

/** Of the world's modules. */
export function worldManifest(change: Partial<Manifest> = {}): Manifest {
  return sampleManifest({
    driver: 'terraform',
    null: null,
    terraform: {},
    parameters: [
      {
        name: 'size',
        type: 'number',
        default: '1',
        description: '',
        options: [],
        mutable: false,
        sensitive: false,
      },
    ],
    ...change,
  });
}

export async function createTerraformHome(): Promise<TerraformHome> {
  const kit = createKit(silentLog);
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-terraform-home-'));
  const at = (...names: readonly string[]): string => path.join(scratch, ...names);
  for (const name of ['world', 'template', 'work', 'states']) await mkdir(at(name));
  const found = await findTool(undefined, process.env);
  if (found.kind === 'missing') throw new Error(found.because);

  return {
    scratch,
    open: (change) =>
      createTerraformDriver(kit, {
        tool: found.tool,
        folder: at('terraform'),
        cliConfigFile: undefined,
        ...change,
        environment: { ...process.env, ...change?.environment, WORLD: at('world') },
        listed: ['WORLD', ...(change?.listed ?? [])],
      }),
    write: async (files) => {
      for (const [name, text] of Object.entries(files)) {
        await writeFile(at('template', name), text);
      }
    },
    build: (change = {}, manifest = worldManifest()) => ({
      jobId: createId(kit),
      attempt: 1,
      template: { name: 't', version_id: createId(kit), file_hash: '0'.repeat(64), manifest },
      workspace: sampleWorkspace({ parameters: { size: '1' }, ...change }),
    }),
    attempt: ({ workspace }, signal = new AbortController().signal) => {
      const folder = at('work', createId(kit));
      const stateFile = at('states', workspace.id);
      const lines: string[] = [];
      const replaced: Replacement[] = [];
      const redactor = createRedactor();
      mkdirSync(folder);
      const context: DriverContext = {
        redactor,
        log: (level, line) => lines.push(`${level} ${redactor.redact(line)}`),
        tellReplaced: (told) => replaced.push(...told),
        signal,
        folder,
        templateFolder: async () => {
          await cp(at('template'), path.join(folder, 'template'), { recursive: true });
          return path.join(folder, 'template');
        },
        stateFile: () => Promise.resolve(stateFile),
      };
      return { context, stateFile, lines, replaced };
    },
    world: async () => (await readdir(at('world'))).sort(),
    working: () =>
      [...findMarked(ATTEMPT_MARK, (folder) => folder.startsWith(at('work'))).outside.values()]
        .flat()
        .map(({ pid }) => pid),
    remove: () => rm(scratch, { recursive: true, force: true }),
  };
}
