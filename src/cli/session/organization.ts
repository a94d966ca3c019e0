// The organization a command is about.
import { AppError } from '../../base/app-error.ts';
import type { Client } from '../../client/client.ts';
import { peopleRoutes } from '../../contract/people/route.ts';
import type { CommandContext, TextOption } from '../command.ts';

export const ORGANIZATION_OPTION = {
  kind: 'text',
  value: 'NAME',
  summary: 'the organization; else STANDBY_ORGANIZATION, the only one, or "default"',
} as const satisfies TextOption;

const FALLBACK = 'default';

/** What was named, else the caller's only one, else `default`. Throws USAGE when that leaves it open. */
export async function chooseOrganization(
  context: Pick<CommandContext, 'environment'>,
  client: Client,
  given: string | undefined,
): Promise<string> {
  // An empty variable is how a shell says "not set"; an empty option is a mistake, and is told.
  if (given !== undefined) return given;
  const named = context.environment['STANDBY_ORGANIZATION'];
  if (named !== undefined && named !== '') return named;
  const { body } = await client.call(peopleRoutes.whoami, {});
  const names = body.organizations.map(({ name }) => name);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (names.includes(FALLBACK)) return FALLBACK;
  const which =
    only === undefined ? 'no organization' : `several organizations: ${names.join(', ')}`;
  throw new AppError('USAGE', {
    detail: `${body.user.username} belongs to ${which}`,
    hint: 'Name one with --org, or set STANDBY_ORGANIZATION.',
  });
}
