// Errors on the wire: application/problem+json (RFC 9457) with a stable code and a hint.
import { z } from 'zod';

export const problemSchema = z
  .object({
    type: z.string().meta({ description: 'The code as a URI' }),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable, upper snake case' }),
    detail: z.string().meta({ description: 'What failed, with which value' }),
    hint: z.string().meta({ description: 'What to do' }),
    request_id: z.string().optional(),
  })
  .catchall(z.unknown())
  .meta({ id: 'Problem' });

export type Problem = z.output<typeof problemSchema>;
