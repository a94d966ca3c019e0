// What became of every prebuild that a pool had while a crowd claimed from it: one fate each, and everybody has
// their answer.
import { expect } from 'vitest';
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Answer } from './claiming-crowd.ts';
import type { TestPool } from './factory.ts';
import { findViolations } from './pool-invariants.ts';
import type { TestStore } from './store.ts';

/** Of all that the pool ever had, by what became of it. */
export interface Fates {
  readonly given: readonly WorkspaceId[];
  readonly deleted: readonly WorkspaceId[];
  readonly left: readonly WorkspaceId[];
  /** Of the deleted ones: taken for somebody, whom its agents did not answer. */
  readonly voided: readonly WorkspaceId[];
}

/** What has to be true whatever happened. */
export async function accountFor(
  store: TestStore,
  { poolId }: TestPool,
  answers: readonly Answer[],
): Promise<Fates> {
  const hits = answers.flatMap(({ workspaceId }) => workspaceId ?? []).sort();
  const refusals = answers.flatMap(({ otherwise }) => otherwise ?? []);
  expect(refusals.filter((code) => code !== 'POOL_EMPTY')).toEqual([]);
  expect(hits.length + refusals.length).toBe(answers.length);
  const fates = await store.sql<Fate>(FATES, [poolId]);
  const idsOf = (fate: keyof Fates): readonly WorkspaceId[] =>
    fates.filter((one) => one[fate]).map(({ id }) => id);
  const [given, deleted, left] = [idsOf('given'), idsOf('deleted'), idsOf('left')];
  const voided = idsOf('voided');
  expect(
    await store.sql(
      `select outcome, count(*)::integer from claims where pool_id = $1 group by 1 order by 1`,
      [poolId],
    ),
  ).toEqual(
    [
      { outcome: 'hit', count: hits.length },
      { outcome: 'miss', count: refusals.length },
      { outcome: 'void', count: voided.length },
    ].filter(({ count }) => count > 0),
  );
  // One owner and epoch each, and of each claim another one.
  expect(given).toEqual(hits);
  expect(new Set(hits).size).toBe(hits.length);
  expect([...given, ...deleted, ...left].sort()).toEqual(fates.map(({ id }) => id));
  expect(voided.filter((id) => !deleted.includes(id))).toEqual([]);
  expect(await store.sql(TOUCHED, [poolId])).toEqual([]);
  expect(await findViolations(store)).toEqual([]);
  return { given, deleted, left, voided };
}

type Fate = { readonly id: WorkspaceId } & Readonly<Record<keyof Fates, boolean>>;

const FATES = `
  select w.id,
    exists (
      select from claims c
      where c.workspace_id = w.id and c.outcome = 'hit' and c.user_id = w.owner_id
        and c.epoch = 1 and w.epoch = 1 and w.deleted_at is null) as given,
    w.deleted_at is not null or exists (
      select from builds b where b.workspace_id = w.id and b.transition = 'delete') as deleted,
    exists (
      select from pool_members m where m.workspace_id = w.id and m.transition = 'start') as left,
    exists (
      select from claims c where c.workspace_id = w.id and c.outcome = 'void') as voided
  from workspaces w
  where w.pool_id = $1 and w.origin = 'prebuild'
  order by w.id`;

/** Builds that the pool made of what somebody had. */
const TOUCHED = `
  select b.id
  from claims c
  join builds b on b.workspace_id = c.workspace_id
  join builds first on first.workspace_id = c.workspace_id and first.number = 1
  join users u on u.id = b.initiator_id and u.is_system
  where c.pool_id = $1 and c.outcome = 'hit' and b.number > first.number`;
