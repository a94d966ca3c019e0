// The pools of an organization, and the one that a person names.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { Client } from '../../client/client.ts';
import { readPages } from '../../client/pages.ts';
import { poolRoutes } from '../../contract/pool/route.ts';
import type { PoolView } from '../../contract/pool/schema.ts';
import type { CommandContext } from '../command.ts';
import { chooseOrganization } from '../session/organization.ts';
import { collect } from '../show/collect.ts';

export interface PoolFilter {
  readonly organization: string;
  readonly template?: string | undefined;
}

export function readPools(
  client: Client,
  { organization, template }: PoolFilter,
  signal?: AbortSignal,
): Promise<readonly PoolView[]> {
  const options = signal === undefined ? {} : { signal };
  return collect(
    readPages((page) =>
      client.call(
        poolRoutes.listPools,
        { params: { organization }, query: { template, ...page } },
        options,
      ),
    ),
  );
}

export const POOL_ARGUMENT = { summary: 'TEMPLATE/PRESET, or ORG/TEMPLATE/PRESET' } as const;

export interface PoolName {
  readonly organization: string;
  readonly template: string;
  readonly preset: string;
}

/** The pool that a person names; its organization is in the name or chosen as everywhere. Throws USAGE. */
export async function choosePool(
  context: Pick<CommandContext, 'environment'>,
  client: Client,
  { pool, org }: { readonly pool: string; readonly org: string | undefined },
): Promise<PoolName> {
  const parts = pool.split('/');
  const [preset, template, organization] = [...parts].reverse();
  const whole = parts.length <= 3 && !parts.includes('');
  if (!whole || preset === undefined || template === undefined) {
    throw new AppError('USAGE', {
      detail: `${excerpt(pool)} is not the name of a pool`,
      hint: 'Write TEMPLATE/PRESET, as `standby pool list` does, or ORG/TEMPLATE/PRESET.',
    });
  }
  if (organization !== undefined && org !== undefined && organization !== org) {
    throw new AppError('USAGE', {
      detail: `${excerpt(pool)} names organization ${organization}, and --org names ${excerpt(org)}`,
      hint: 'Leave one of them out.',
    });
  }
  return {
    organization: organization ?? (await chooseOrganization(context, client, org)),
    template,
    preset,
  };
}
