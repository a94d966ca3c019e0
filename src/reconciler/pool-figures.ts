// Every pool in numbers, for those who watch from afar: decided by the very function that the
// reconcile calls, from one snapshot.
import { sumUp, type PoolFigures } from '../domain/pool/figures.ts';
import type { Database } from '../store/database.ts';
import { listOrganizationNames } from '../store/organization.ts';
import { decideAllPools } from './all-pools.ts';
import type { DecisionOptions } from './options.ts';

/** Throws SETTINGS_UNREADABLE, as every reading of pools does. */
export async function readPoolFigures(
  database: Database,
  options: DecisionOptions,
): Promise<PoolFigures> {
  const { moment, pools } = await decideAllPools(database, options);
  const organizations = await listOrganizationNames.all(database, {});
  const names = new Map(organizations.map(({ id, name }) => [id, name]));
  const figures = pools.flatMap(({ pool, decision }) => {
    const organization = names.get(pool.organizationId);
    const [first] = pool.presets;
    if (decision === undefined || organization === undefined || first === undefined) return [];
    if (first.deleted) return [];
    return [{ organization, template: first.template, preset: first.preset, ...sumUp(decision) }];
  });
  return { at: moment.now, paused: moment.paused, pools: figures };
}
