// The lines that Terraform writes with `-json`, as far as they are told to people.
import { z } from 'zod';
import { diagnosticSchema } from './diagnostic.ts';
import { maybe } from './json-field.ts';

const resourceSchema = z.object({ addr: z.string() });

const eventSchema = z.object({
  '@message': z.string().default(''),
  type: z.string().default(''),
  /** Of what happens to a resource. */
  hook: maybe(
    z.object({
      resource: maybe(resourceSchema),
      action: z.string().default(''),
      elapsed_seconds: z.number().default(0),
      output: z.string().default(''),
    }),
  ),
  /** Of what is planned for a resource. */
  change: maybe(z.object({ resource: resourceSchema, action: z.string() })),
  changes: maybe(
    z.object({ operation: z.string(), add: z.int(), change: z.int(), remove: z.int() }),
  ),
  diagnostic: maybe(diagnosticSchema),
});

export type TerraformEvent = z.output<typeof eventSchema>;

/** Undefined for a line that is none: some of what `init` says is plain text. */
export function parseEvent(line: string): TerraformEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed = eventSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // cut, or another program's
  }
}
