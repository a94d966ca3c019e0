// What a build with a newer version or other parameters, or a restart, would be, without any of it being done.
import { z } from 'zod';
import { idField, parametersField } from '../field.ts';

export const planBuildBody = z.strictObject({
  /** With the version of its template that is active now, instead of the one that it has. */
  update: z.boolean().default(false),
  /** Other values for these. */
  parameters: parametersField.optional(),
  /** It is stopped first and started again, whether anything is another or not. */
  restart: z.boolean().default(false),
});

const plannedParameterView = z.object({
  name: z.string(),
  change: z.enum(['added', 'changed', 'removed']),
  /** Null where there was none, and of a sensitive one. */
  from: z.string().nullable(),
  /** Null where there will be none, and of a sensitive one. */
  to: z.string().nullable(),
  sensitive: z.boolean(),
});

/** As the problem that a build would be answered with. */
const refusalView = z
  .object({ code: z.string(), detail: z.string(), hint: z.string() })
  .catchall(z.unknown());

export const plannedBuildView = z
  .object({
    workspace_id: idField,
    /** `none`: it runs with that version and these values; `restart`: it is to be stopped first. */
    action: z.enum(['none', 'start', 'restart']),
    /** Names of versions. */
    from_version: z.string(),
    to_version: z.string(),
    /** Those that change, but for those that are refused. */
    parameters: z.array(plannedParameterView),
    /** Names of agents. */
    agents_added: z.array(z.string()),
    agents_removed: z.array(z.string()),
    /** Why it would be refused; the first is the error. Empty: it would not be. */
    refusals: z.array(refusalView),
  })
  .meta({ id: 'PlannedBuild' });

export type PlannedBuildView = z.output<typeof plannedBuildView>;
