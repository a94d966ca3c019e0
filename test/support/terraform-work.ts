// The terraform driver at work in a home of its own, made anew for each test of a file.
import { afterEach, beforeEach } from 'vitest';
import type { Build, Driver, Started } from '../../src/provisioner/driver.ts';
import {
  createTerraformHome,
  worldManifest,
  type Attempt,
  type TerraformHome,
} from './terraform-home.ts';

export interface TerraformWork {
  home: TerraformHome;
  driver: Driver;
  // Each does one transition, and gives the attempt's log too.
  readonly start: (build: Build) => Promise<Started & Pick<Attempt, 'lines' | 'replaced'>>;
  readonly stop: (build: Build) => Promise<readonly string[]>;
  readonly remove: (build: Build) => Promise<readonly string[]>;
  /** The log of the check of a template with these files, or why it is refused. */
  readonly check: (files: Readonly<Record<string, string>>, change?: object) => Promise<string>;
}

/** Where terraform is not `available` there is nothing to work with. */
export function workWithTerraform(available: boolean): TerraformWork {
  // Assigned before each test.
  const terraform = {
    start: async (build) => {
      const { context, lines, replaced } = terraform.home.attempt(build);
      return { ...(await terraform.driver.start(build, context)), lines, replaced };
    },
    stop: async (build) => {
      const { context, lines } = terraform.home.attempt(build);
      await terraform.driver.stop(next(build, { transition: 'stop' }), context);
      return lines;
    },
    remove: async (build) => {
      const { context, lines } = terraform.home.attempt(build);
      await terraform.driver.delete(next(build, { transition: 'delete' }), context);
      return lines;
    },
    check: async (files, change = {}) => {
      await terraform.home.write(files);
      const build = terraform.home.build({}, worldManifest({ parameters: [], ...change }));
      const { context, lines } = terraform.home.attempt(build);
      try {
        await terraform.driver.check(build.template, context);
      } catch (error) {
        return (error as Error).message;
      }
      return lines.join('\n');
    },
  } as TerraformWork;
  beforeEach(async () => {
    if (!available) return;
    terraform.home = await createTerraformHome();
    terraform.driver = terraform.home.open();
  });
  afterEach(() => terraform.home.remove());
  return terraform;
}

/** Another build of the same workspace. */
export const next = (build: Build, change: Partial<Build['workspace']>): Build => ({
  ...build,
  workspace: { ...build.workspace, ...change },
});
