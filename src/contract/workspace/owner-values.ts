// Values that come with a request for a workspace, for its agents to hand over. How many and how long
// they may be is a rule of the domain, which names its own errors.
import { z } from 'zod';

const name = z.string().min(1).max(512);
const base64 = z.base64();

const ownerFile = z
  .strictObject({
    content: z.string(),
    encoding: z.enum(['utf8', 'base64']).default('utf8'),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'must be three octal digits, such as 600')
      .default('600'),
  })
  .refine(({ encoding, content }) => encoding === 'utf8' || base64.safeParse(content).success, {
    message: 'must have content that is base64, as its encoding says',
  });

export const ownerValuesFields = {
  /** Variables by name: for on_claim, and in a file for whatever else runs in the workspace. */
  environment: z.record(name, z.string()).default({}),
  /** By name: each becomes a file of the workspace. */
  secrets: z.record(name, z.string()).default({}),
  /** By path below the owner's folder in the workspace. */
  files: z.record(name, ownerFile).default({}),
};

type Body = z.ZodObject<typeof ownerValuesFields>;

export type OwnerValuesInput = z.input<Body>;
export type OwnerValuesBody = z.output<Body>;
