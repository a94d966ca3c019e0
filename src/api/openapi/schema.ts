// Schemas of the contract as JSON Schema, named ones once as components.
import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface SchemaWriter {
  /** The schema of what a caller sends (`input`) or gets (`output`). */
  write(schema: z.ZodType, io: 'input' | 'output'): JsonSchema;
  /** What was referred to so far, by name. */
  components(): Readonly<Record<string, JsonSchema>>;
}

export function createSchemaWriter(): SchemaWriter {
  const components = new Map<string, JsonSchema>();

  const write = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => {
    const made = z.toJSONSchema(schema, { io, override: tidy });
    const { $schema: _dialect, $defs, ...body } = pointToComponents(made) as JsonSchema;
    for (const [name, component] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) {
      const known = components.get(name);
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(component)) {
        throw new Error(`two schemas are named ${name}, or one is sent and given in two forms`);
      }
      components.set(name, component);
    }
    return body;
  };

  return {
    write,
    components: () => Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function tidy({
  zodSchema,
  jsonSchema,
}: {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  // A format says it shorter than the expression that checks it.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  // A newer server may answer with more; only what is strict in the contract refuses it.
  if (zodSchema._zod.def.type === 'object' && zodSchema._zod.def.catchall === undefined) {
    delete jsonSchema.additionalProperties;
  }
}

function pointToComponents(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
