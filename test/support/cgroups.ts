// Whether tests can have control groups with limits here.
import { createGroups } from '../../src/provisioner/drivers/process/cgroup/groups.ts';
import { readPlaces } from '../../src/provisioner/drivers/process/cgroup/places.ts';
import { AppError } from '../../src/base/app-error.ts';

const SMALL = { memory_bytes: 2 ** 26, cpus: 1, processes: 64 };

/** See hasTool for what follows where they cannot. */
export function hasCgroups(): boolean {
  try {
    createGroups(readPlaces(), `/tests-${process.pid}`).check(SMALL);
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (process.env['CI'] === 'true') throw error;
    process.stderr.write(`SKIPPED: tests of limits: ${error.detail}\n`);
    return false;
  }
}
