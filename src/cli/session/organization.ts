// The organization a command is about.
import type { Client } from '../../client/client.ts';
import { findOwnOrganization } from '../../client/organization.ts';
import type { CommandContext, TextOption } from '../command.ts';

export const ORGANIZATION_OPTION = {
  kind: 'text',
  value: 'NAME',
  summary: 'the organization; else STANDBY_ORGANIZATION, the only one, or "default"',
} as const satisfies TextOption;

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
  return findOwnOrganization(client, 'Name one with --org, or set STANDBY_ORGANIZATION.');
}
