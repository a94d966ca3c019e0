// Giving a pool's prebuilds to those who wait for them, in the order of their line: by priority, then by
// who came first. The caller holds the pool's lock, so one replica at a time serves a line.
import { AppError, toAppError } from '../../base/app-error.ts';
import type { PoolId, UserId, WaiterId } from '../../base/id.ts';
import type { Transaction } from '../../store/database.ts';
import { lockQuotas } from '../../store/quota.ts';
import { isRetryable, isUnavailable } from '../../store/sqlstate.ts';
import { endLine, endWaiter } from '../../store/waiter-end.ts';
import { PREBUILDS_USER_ID } from '../../store/system-user.ts';
import {
  listNextUsers,
  lockNextWaiters,
  readLine,
  type NextWaiter,
  type Place,
} from '../../store/waiter.ts';
import { isNameTaken, nameTaken } from '../name-taken.ts';
import type { CreateDeps, Order } from '../order.ts';
import type { UnprovenClaim } from '../prove-claim.ts';
import { findExcessUnderLock } from '../quota.ts';
import { judgeRequest, readRequest, type ReadTemplate, type WorkspaceRequest } from '../request.ts';
import { hasToProve, takeForWaiter } from '../take-workspace.ts';
import { openGiven } from './given.ts';
import { nothingToWaitFor } from './nothing-to-wait-for.ts';

const READ_AT_ONCE = 50;
const NOT_SERVED = 'the server failed to serve this waiter';

/** What was taken for one waiter. */
export type HandedOut =
  /** It was served, after it had waited for so long. */
  | { readonly kind: 'served'; readonly waitedMs: number }
  /** It is served once the agents have answered: see prove-served.ts. */
  | { readonly kind: 'unproven'; readonly claim: UnprovenClaim };

/**
 * Takes for as many as there are prebuilds. What has agents has to be proven after the commit, as proveServed does.
 * Every one that leaves gives the pool another turn.
 */
export async function serveWaiters(
  deps: CreateDeps,
  tx: Transaction,
  poolId: PoolId,
): Promise<readonly HandedOut[]> {
  const line = await readLine.maybe(tx, { poolId });
  if (line === undefined) return [];
  const { organization, template, preset, eligible, unproven } = line;
  if (!line.isAsked) {
    return refuseAll(tx, poolId, gone({ template, preset }));
  }
  if (line.deprecated !== '') {
    const detail = `template ${template} is deprecated: ${line.deprecated}`;
    return refuseAll(tx, poolId, new AppError('TEMPLATE_DEPRECATED', detail));
  }
  const names = { organization, template, preset };
  return serveAll(deps, tx, { poolId, eligible, unproven, names });
}

interface Line {
  readonly poolId: PoolId;
  /** How many can be handed over. */
  readonly eligible: number;
  /** Of those whose agents have yet to answer. */
  readonly unproven: readonly Place[];
  readonly names: Names;
}

/**
 * What is left over would be extraneous to the pool, so whoever is refused makes room for the next one. Nobody is
 * given what somebody before them may need yet, whose agents have still to answer.
 */
async function serveAll(
  deps: CreateDeps,
  tx: Transaction,
  { poolId, eligible, unproven, names }: Line,
): Promise<readonly HandedOut[]> {
  const handedOut: HandedOut[] = [];
  const read = eligible === 0 ? undefined : await tryReadTemplate(deps, tx, { poolId, names });
  if (read === undefined) return handedOut;
  const spenders = await lockSpenders(tx, poolId, read);
  for (let left = eligible; left > 0;) {
    const limit = Math.min(left, READ_AT_ONCE);
    const waiters = await lockNextWaiters.all(tx, { poolId, limit });
    for (const waiter of waiters) {
      // The end of a proof gives the pool another turn.
      if (left <= countBefore(unproven, waiter)) return handedOut;
      if (spenders?.has(waiter.userId) === false) {
        tx.notify({ kind: 'pool', poolId });
        return handedOut;
      }
      const served = await serveOne(deps, tx, { poolId, names, read, waiter });
      if (served === 'nothing') {
        // Somebody of a higher priority was faster, or its deadline has just passed, and all is well; or what is
        // ready is locked for a moment by who does not take it in the end, and says nothing then.
        tx.notify({ kind: 'pool', poolId });
        return handedOut;
      }
      if (served !== 'refused') {
        left -= 1;
        handedOut.push(served);
      }
    }
    if (waiters.length < limit) break;
  }
  return handedOut;
}

function countBefore(places: readonly Place[], { priority, turn }: Place): number {
  return places.filter(
    (one) => one.priority > priority || (one.priority === priority && one.turn < turn),
  ).length;
}

type Names = Pick<WorkspaceRequest, 'organization' | 'template'> & { readonly preset: string };

/**
 * Undefined where it cannot be read, as by a server that is older than the template: another one may serve the
 * line, and this pool's turn goes on.
 */
async function tryReadTemplate(
  deps: CreateDeps,
  tx: Transaction,
  { poolId, names }: Pick<Line, 'poolId' | 'names'>,
): Promise<ReadTemplate | undefined> {
  try {
    return await tx.savepoint(async () => {
      const asked = { ...names, idempotencyKey: undefined };
      return (await readRequest(tx, { userId: PREBUILDS_USER_ID }, asked)).template;
    });
  } catch (error) {
    if (isRetryable(error) || isUnavailable(error)) throw error;
    deps.log.error('line.template_unreadable', { pool: poolId, error });
    return undefined;
  }
}

/**
 * Whose money this turn may spend; undefined where no quota is enforced. All are locked at once, before anybody
 * is served: two pools that served the same people one by one might wait for each other. As many as stand in
 * one batch, so that a long line holds up the claims of few people; who comes after them, or came just now, is
 * for the pool's next turn.
 */
async function lockSpenders(
  tx: Transaction,
  poolId: PoolId,
  { enforcesQuota, organizationId }: ReadTemplate,
): Promise<ReadonlySet<UserId> | undefined> {
  if (!enforcesQuota || organizationId === null) return undefined;
  const next = await listNextUsers.all(tx, { poolId, limit: READ_AT_ONCE });
  const userIds = next.map(({ userId }) => userId);
  await lockQuotas.all(tx, { organizationId, userIds });
  return new Set(userIds);
}

interface Serving {
  readonly poolId: PoolId;
  readonly names: Names;
  readonly read: ReadTemplate;
  readonly waiter: NextWaiter;
}

/** One that cannot be served keeps nobody behind it from being served. */
async function serveOne(
  deps: CreateDeps,
  tx: Transaction,
  serving: Serving,
): Promise<HandedOut | 'refused' | 'nothing'> {
  const { poolId, waiter } = serving;
  try {
    return await tx.savepoint(async () => {
      const order = await judgeAgain(deps, tx, serving);
      const { id: waiterId, waitedMs } = waiter;
      const over = await findWaitersExcess(tx, order);
      if (over !== undefined) throw over;
      const taking = await takeForWaiter(deps, tx, { order, waiterId, waitedMs });
      if (taking.kind === 'none') {
        if (taking.because === 'nothing') return 'nothing';
        throw nothingToWaitFor(order, taking.because);
      }
      if (hasToProve(order)) {
        const { id: workspaceId, epoch } = taking.workspace;
        const { versionId } = order.wanted;
        const claim = { order, claim: { workspaceId, epoch }, versionId, isResumed: false };
        return { kind: 'unproven', claim };
      }
      tx.notify({ kind: 'waiter', waiterId });
      return { kind: 'served', waitedMs };
    });
  } catch (error) {
    // Those say nothing about this one: another turn may serve it.
    if (isRetryable(error) || isUnavailable(error)) throw error;
    const refused = isNameTaken(error) ? nameTaken(waiter.name, error) : toAppError(error);
    const { code } = refused;
    // What failed in here is for the log.
    const told = code === 'INTERNAL' ? { code, detail: NOT_SERVED } : refused;
    if (told !== refused) {
      deps.log.error('waiter.not_served', { waiter: waiter.id, pool: poolId, error });
    }
    await refuse(tx, { poolId, id: waiter.id, error: told });
    return 'refused';
  }
}

async function findWaitersExcess(
  tx: Transaction,
  { requester: { userId }, wanted }: Order,
): Promise<AppError | undefined> {
  const { enforcesQuota, organizationId, versionId } = wanted;
  if (!enforcesQuota) return undefined;
  return findExcessUnderLock(tx, { organizationId, userId, versionId, workspaceId: null });
}

/** What was allowed when the waiting began may not be any more. */
async function judgeAgain(
  deps: CreateDeps,
  tx: Transaction,
  { poolId, names, read, waiter }: Serving,
): Promise<Order> {
  const { userId, isAdmin, isMember, username } = waiter;
  if (!waiter.isActive) throw new AppError('FORBIDDEN', `the account of ${username} is suspended`);
  const startedMs = deps.clock.monotonicMs();
  const requester = { userId, isAdmin };
  const request: WorkspaceRequest = {
    ...names,
    name: waiter.name,
    ...(await openGiven({ ...deps, on: tx }, waiter)),
    onEmpty: 'wait',
    priority: waiter.priority,
    waitTimeoutSeconds: 0,
    ttlSeconds: waiter.ttlSeconds ?? undefined,
    autostart: waiter.autostart ?? undefined,
    automaticUpdates: waiter.automaticUpdates ?? undefined,
    idempotencyKey: undefined,
  };
  const isThere = read.version?.presets.some((preset) => preset.poolId === poolId) ?? false;
  if (!isThere) throw gone(names);
  const wanted = judgeRequest({ template: read, isMember }, requester, request);
  const resolveMs = deps.clock.monotonicMs() - startedMs;
  // The key, if it came with one, stands for the waiter already.
  return { requester, request, wanted, bodyHash: Buffer.alloc(0), resolveMs };
}

function gone({ template, preset }: Pick<Names, 'template' | 'preset'>): AppError {
  const detail = `pool ${template}/${preset} is gone: no active version of its template asks for it`;
  return new AppError('PRESET_GONE', detail);
}

interface Refused {
  readonly poolId: PoolId;
  readonly id: WaiterId;
  readonly error: Told;
}

/** What the one who waited is told. */
type Told = Pick<AppError, 'code' | 'detail'>;

async function refuse(tx: Transaction, { poolId, id, error }: Refused): Promise<void> {
  await endWaiter.all(tx, { id, ...refusal(error) });
  // What it would have got is for the next one.
  tx.notify({ kind: 'waiter', waiterId: id }, { kind: 'pool', poolId });
}

async function refuseAll(tx: Transaction, poolId: PoolId, error: Told): Promise<readonly []> {
  const ended = await endLine.all(tx, { poolId, ...refusal(error) });
  tx.notify(...ended.map(({ id }) => ({ kind: 'waiter', waiterId: id }) as const));
  return [];
}

function refusal({ code, detail }: Told): {
  readonly outcome: 'refused';
  readonly errorCode: string;
  readonly error: string;
} {
  return { outcome: 'refused', errorCode: code, error: detail };
}
