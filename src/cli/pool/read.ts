// The pools of an organization, and the one that a person names.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { Client } from '../../client/client.ts';
import { readPages } from '../../client/pages.ts';
import { poolRoutes } from '../../contract/pool/route.ts';
import type { PoolView } from '../../contract/pool/schema.ts';
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

/** `TEMPLATE/PRESET`; a preset's name may hold slashes itself. Throws USAGE. */
export function parsePoolName(text: string): {
  readonly template: string;
  readonly preset: string;
} {
  const at = text.indexOf('/');
  if (at < 1 || at === text.length - 1) {
    throw new AppError('USAGE', {
      detail: `${excerpt(text)} is not the name of a pool`,
      hint: 'Write TEMPLATE/PRESET, as `standby pool list` does.',
    });
  }
  return { template: text.slice(0, at), preset: text.slice(at + 1) };
}
