// Fields of Terraform's JSON, which writes null for some of what is not there.
import type { z } from 'zod';

export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}
