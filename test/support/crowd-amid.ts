// A crowd that claims (claiming-crowd.ts) while something happens to its pool, round after round; and who of it was
// told that there was nothing while there was.
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Answer, ClaimingCrowd } from './claiming-crowd.ts';
import { createDeferred } from './deferred.ts';
import type { TestPool } from './factory.ts';

let happenings = 0;
/** What comes before what: each happening in this process has a number. */
export const now = (): number => (happenings += 1);

export interface Claim extends Answer {
  readonly askedAt: number;
  readonly answeredAt: number;
}

interface Crowd {
  readonly claims: readonly Claim[];
  /** Of those prebuilds, the ones that no round can have begun to delete before the answer. */
  readonly kept: (ids: readonly WorkspaceId[], until: Claim) => readonly WorkspaceId[];
}

interface Amid {
  readonly pool: TestPool;
  readonly claimers: number;
  /** Who ask at one moment: fewer than there are prebuilds, whatever happens to these. */
  readonly first: number;
}

/**
 * Some ask at first. With the first answer the rounds begin, and go on until everybody is answered. Once the first
 * round is over the others ask, each in the place of one who was answered.
 */
export async function crowdAmid(
  people: ClaimingCrowd,
  { pool, claimers, first }: Amid,
  round: (number: number) => Promise<void>,
): Promise<Crowd> {
  const gone: { readonly from: number; readonly ids: ReadonlySet<WorkspaceId> }[] = [];
  const answered = createDeferred<undefined>();
  const begun = createDeferred<undefined>();
  const over = new AbortController();
  const rounds = async (): Promise<void> => {
    await answered.promise;
    for (let number = 1; number === 1 || !over.signal.aborted; number++) {
      const from = now();
      await round(number);
      gone.push({ from, ids: new Set(await deletedOf(people, pool)) });
      begun.resolve(undefined);
    }
  };
  const claim = async (n: number, former: Promise<unknown>): Promise<Claim> => {
    await former;
    const askedAt = now();
    const answer = await people.claim(n, pool, { name: `${pool.name}-${n}`, onEmpty: 'fail' });
    answered.resolve(undefined);
    return { ...answer, askedAt, answeredAt: now() };
  };
  const asking: Promise<Claim>[] = [];
  for (let n = 0; n < claimers; n++) {
    const former = Promise.all([asking[n - first], n < first ? undefined : begun.promise]);
    asking.push(claim(n, former));
  }
  const claiming = Promise.all(asking).finally(() => over.abort());
  const [claims] = await Promise.all([claiming, rounds()]);
  return {
    claims,
    kept: (ids, { answeredAt }) => {
      const last = gone.findLast(({ from }) => from < answeredAt);
      return ids.filter((id) => last?.ids.has(id) !== true);
    },
  };
}

async function deletedOf(
  { store }: ClaimingCrowd,
  { poolId }: TestPool,
): Promise<readonly WorkspaceId[]> {
  const rows = await store.sql<{ id: WorkspaceId }>(
    `select w.id from workspaces w join builds b on b.workspace_id = w.id
     where w.pool_id = $1 and b.transition = 'delete'`,
    [poolId],
  );
  return rows.map(({ id }) => id);
}

/**
 * Those who were told that there was nothing, while something was there from their question to their answer that
 * nobody got who had asked before that answer.
 */
export function falselyRefused(
  claims: readonly Claim[],
  thereAllAlong: (refused: Claim) => readonly WorkspaceId[],
): readonly Claim[] {
  const askedAt = new Map(claims.map((one) => [one.workspaceId, one.askedAt]));
  return claims.filter(
    (one) =>
      one.otherwise !== undefined &&
      thereAllAlong(one).some((id) => !((askedAt.get(id) ?? Infinity) < one.answeredAt)),
  );
}

export interface Reigns {
  begin(version: string, promoting: () => Promise<void>): Promise<void>;
  /** Whether it was the active one at some moment between a question and its answer. */
  couldBe(version: string, when: Pick<Claim, 'askedAt' | 'answeredAt'>): boolean;
  /** Whether it was at every one. */
  lasts(version: string, when: Pick<Claim, 'askedAt' | 'answeredAt'>): boolean;
}

/** When which version may have been the active one. */
export function createReigns(): Reigns {
  const reigns: { version: string; from: number; surely: number; to: number }[] = [
    { version: 'v1', from: 0, surely: 0, to: Infinity },
  ];
  return {
    begin: async (version, promoting) => {
      const former = reigns.at(-1);
      const reign = { version, from: now(), surely: Infinity, to: Infinity };
      reigns.push(reign);
      await promoting();
      reign.surely = now();
      if (former !== undefined) former.to = reign.surely;
    },
    lasts: (version, { askedAt, answeredAt }) =>
      reigns.some(
        (reign, n) =>
          reign.version === version &&
          reign.surely < askedAt &&
          answeredAt < (reigns[n + 1]?.from ?? Infinity),
      ),
    couldBe: (version, { askedAt, answeredAt }) =>
      reigns.some(
        (reign) => reign.version === version && reign.from < answeredAt && askedAt < reign.to,
      ),
  };
}
