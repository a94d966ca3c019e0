// The organization that a caller means who names none.
import { AppError } from '../base/app-error.ts';
import { peopleRoutes } from '../contract/people/route.ts';
import type { CallOptions, Client } from './client.ts';

const FALLBACK = 'default';

/** The caller's only one, else `default`. Throws USAGE, with the hint, when that leaves it open. */
export async function findOwnOrganization(
  client: Client,
  hint: string,
  options: CallOptions = {},
): Promise<string> {
  const { body } = await client.call(peopleRoutes.whoami, {}, options);
  const names = body.organizations.map(({ name }) => name);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (names.includes(FALLBACK)) return FALLBACK;
  const which =
    only === undefined ? 'no organization' : `several organizations: ${names.join(', ')}`;
  throw new AppError('USAGE', { detail: `${body.user.username} belongs to ${which}`, hint });
}
