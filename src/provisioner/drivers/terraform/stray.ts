// A state that came too late for its build, less what the workspace's current state names too: what
// is left exists and nobody else knows of it.
import { z } from 'zod';

/** Loose, because what is written again must hold everything that was read. */
const instanceSchema = z.looseObject({ attributes: z.record(z.string(), z.unknown()).nullish() });
const resourceSchema = z.looseObject({
  mode: z.string(),
  type: z.string(),
  instances: z.array(instanceSchema),
});
const stateSchema = z.looseObject({
  version: z.literal(4),
  resources: z.array(resourceSchema).default([]),
});

type Resource = z.output<typeof resourceSchema>;

/** A state of the things that only the stray names; undefined when there are none. */
export function subtractState(stray: string, current: string | undefined): string | undefined {
  const state = stateSchema.parse(JSON.parse(stray));
  const known = new Set(current === undefined ? [] : listIdentities(current));
  const resources = state.resources
    .filter(({ mode }) => mode === 'managed')
    .map((resource) => ({
      ...resource,
      instances: resource.instances.filter((instance) => !known.has(identify(resource, instance))),
    }))
    .filter(({ instances }) => instances.length > 0);
  if (resources.length === 0) return undefined;
  return JSON.stringify({ ...state, outputs: {}, resources });
}

function listIdentities(state: string): readonly string[] {
  return (
    stateSchema
      .parse(JSON.parse(state))
      // What a data source only reads is not known as the workspace's own.
      .resources.filter(({ mode }) => mode === 'managed')
      .flatMap((resource) => resource.instances.map((instance) => identify(resource, instance)))
  );
}

/** By what the provider calls it: under the same address there may be another one by now. */
function identify({ type }: Resource, { attributes }: Resource['instances'][number]): string {
  const id = attributes?.['id'];
  return `${type} ${typeof id === 'string' ? id : JSON.stringify(attributes)}`;
}
