// The state file, as Terraform and OpenTofu write it since 2018 (version 4), read as far as Standby
// needs it. Asking `terraform show` instead would start every provider once more.
import { z } from 'zod';
import { AppError } from '../../../base/app-error.ts';
import { readIfThere } from '../../../base/read-if-there.ts';
import type { Resource } from '../../../contract/provisioner/protocol.ts';

const stateSchema = z.object({
  version: z.literal(4),
  outputs: z
    .record(z.string(), z.object({ value: z.unknown(), sensitive: z.boolean().default(false) }))
    .default({}),
  resources: z
    .array(
      z.object({
        module: z.string().optional(),
        mode: z.string(),
        type: z.string(),
        name: z.string(),
        instances: z.array(z.object({ index_key: z.union([z.string(), z.number()]).optional() })),
      }),
    )
    .default([]),
});

export type State = z.output<typeof stateSchema>;

/** Undefined when there is none yet. Throws BUILD_FAILED for what is no state. */
export async function readState(file: string): Promise<State | undefined> {
  const text = await readIfThere(file);
  // Empty: what `terraform init` leaves of a state that was never written.
  if (text === undefined || text === '') return undefined;
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    // Not what is wrong with it: that would quote it, and it holds secrets.
    const detail = 'the stored state is not one of version 4 that Terraform or OpenTofu wrote';
    throw new AppError('BUILD_FAILED', detail, { cause: new Error((error as Error).name) });
  }
}

/** As many as the protocol takes: a longer list nobody reads. */
const MAX_RESOURCES = 10_000;

/** What exists by this state; data that was only read does not count. */
export function listResources({ resources }: State): readonly Resource[] {
  const all = resources
    .filter(({ mode }) => mode === 'managed')
    .flatMap(({ module, type, name, instances }) => {
      const base = `${module === undefined ? '' : `${module}.`}${type}.${name}`;
      const addresses = instances.map(({ index_key: key }) =>
        key === undefined ? base : `${base}[${JSON.stringify(key)}]`,
      );
      // One that was replaced and not yet destroyed has the address of its successor.
      return [...new Set(addresses)].map((address) => ({ address, type }));
    });
  return all.slice(0, MAX_RESOURCES);
}

/** The texts of all outputs that are marked sensitive. */
export function listSecrets({ outputs }: State): readonly string[] {
  return Object.values(outputs).flatMap(({ value, sensitive }) =>
    sensitive ? listTexts(value) : [],
  );
}

function listTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(listTexts) : [];
}
