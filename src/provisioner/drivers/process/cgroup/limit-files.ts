// What is written where to keep a group within its limits, and what tells that it has come to them.
import type { ProcessLimits } from '../../../../contract/manifest/schema.ts';
import type { Controller, Place } from './places.ts';

export interface LimitFile {
  readonly name: string;
  readonly value: string;
  /** Not every kernel has it. */
  readonly isOptional?: true;
}

const PERIOD_US = 100_000;

/** In the order in which they are to be written, whatever the group's limits were. */
export function limitFiles(
  controller: Controller,
  { version }: Pick<Place, 'version'>,
  limits: ProcessLimits,
): readonly LimitFile[] {
  switch (controller) {
    case 'pids':
      return [{ name: 'pids.max', value: String(limits.processes ?? 'max') }];
    case 'cpu': {
      const quota = limits.cpus === null ? undefined : Math.round(limits.cpus * PERIOD_US);
      return version === 2
        ? [{ name: 'cpu.max', value: `${quota ?? 'max'} ${PERIOD_US}` }]
        : [
            { name: 'cpu.cfs_period_us', value: String(PERIOD_US) },
            { name: 'cpu.cfs_quota_us', value: String(quota ?? -1) },
          ];
    }
    case 'memory': {
      const bytes = limits.memory_bytes;
      // Without swap: it would only be slower before it is over.
      return version === 2
        ? [
            { name: 'memory.max', value: String(bytes ?? 'max') },
            { name: 'memory.swap.max', value: bytes === null ? 'max' : '0', isOptional: true },
          ]
        : [
            // Never below the other, which was set earlier.
            { name: 'memory.memsw.limit_in_bytes', value: '-1', isOptional: true },
            { name: 'memory.limit_in_bytes', value: String(bytes ?? -1) },
            {
              ...{ name: 'memory.memsw.limit_in_bytes', value: String(bytes ?? -1) },
              isOptional: true,
            },
          ];
    }
  }
}

/** What keeps a group from being limited that has only the files for which `has` is true; `swaps` is /proc/swaps. */
export function findLack(
  controller: Controller,
  place: Place,
  { has, swaps }: { readonly has: (file: string) => boolean; readonly swaps: string },
): string | undefined {
  const none = { memory_bytes: null, cpus: null, processes: null };
  const missing = limitFiles(controller, place, none).filter(({ name }) => !has(name));
  if (missing.some(({ isOptional }) => isOptional === undefined)) {
    return `${place.parent} does not hand on the controller "${controller}"`;
  }
  const [, ...devices] = swaps.trim().split('\n');
  if (missing.length === 0 || devices.length === 0) return undefined;
  // Whoever comes to the limit would be swapped out beyond it.
  return 'the machine has swap, and its kernel does not count it (boot with swapaccount=1, or swapoff)';
}
