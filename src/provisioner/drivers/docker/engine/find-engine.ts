// Finds out whether a Docker engine answers, and which version of its API to speak with it.
import { z } from 'zod';
import type { Clock } from '../../../../base/clock.ts';
import type { EngineAddress } from './address.ts';
import { createEngine, type Engine } from './engine.ts';
import { createTransport } from './transport.ts';

export type FoundEngine =
  | { readonly kind: 'found'; readonly engine: Engine; readonly version: string }
  | { readonly kind: 'missing'; readonly because: string };

/** What the driver was made with, and the oldest that knows all of it (Docker 20.10, Podman 4). */
const NEWEST = '1.47';
const OLDEST = '1.41';
const ANSWER_MS = 5_000;

const versionReply = z.object({
  Version: z.string(),
  ApiVersion: z.string().regex(/^\d+\.\d+$/),
  MinAPIVersion: z
    .string()
    .regex(/^\d+\.\d+$/)
    .optional(),
});

export async function findEngine(
  clock: Pick<Clock, 'sleep'>,
  address: EngineAddress,
): Promise<FoundEngine> {
  let said: z.output<typeof versionReply>;
  try {
    const call = { method: 'GET', path: '/version', silenceMs: ANSWER_MS } as const;
    said = versionReply.parse(await createTransport(address).call(call));
  } catch (error) {
    const because =
      error instanceof z.ZodError
        ? `what listens at ${address.text} does not answer as an engine does`
        : (error as Error).message;
    return { kind: 'missing', because };
  }
  const { Version: version, ApiVersion: newest, MinAPIVersion: oldest = OLDEST } = said;
  const spoken = isNewer(newest, NEWEST) ? NEWEST : newest;
  if (isNewer(OLDEST, spoken) || isNewer(oldest, spoken)) {
    const because = `the engine ${version} at ${address.text} speaks the API ${oldest} to ${newest}; some of ${OLDEST} to ${NEWEST} is needed`;
    return { kind: 'missing', because };
  }
  return {
    kind: 'found',
    engine: createEngine(clock, createTransport(address, `v${spoken}`)),
    version,
  };
}

function isNewer(one: string, other: string): boolean {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [one, other].map((version) =>
    version.split('.').map(Number),
  ) as [number[], number[]];
  return major === otherMajor ? minor > otherMinor : major > otherMajor;
}
