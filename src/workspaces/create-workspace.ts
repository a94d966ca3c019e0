// A request for a workspace, served: a prebuilt one where the pool has one, a new one where not. One
// statement takes what needs no build; one transaction decides and writes everything else. What was taken
// and has agents counts once they have answered, and where they do not another one is taken. An idempotency
// key makes a repeated request the same request.
import { AppError } from '../base/app-error.ts';
import { failpoint } from '../base/failpoint.ts';
import type { PoolId } from '../base/id.ts';
import { findClaimOutcome, type TakenClaim } from '../store/claim-proof.ts';
import type { TakenPrebuild } from '../store/claim-take.ts';
import type { Transaction } from '../store/database.ts';
import { recordIdempotencyKey } from '../store/idempotency-key.ts';
import { isUniqueViolation } from '../store/sqlstate.ts';
import { holdActiveVersion } from '../store/template.ts';
import { buildWorkspace } from './build-workspace.ts';
import { canonicalForm } from './canonical-request.ts';
import {
  explain,
  explainExcess,
  recordMissOf,
  recordRefusal,
  type Miss,
  type Refusal,
} from './miss.ts';
import { createKnownTemplates } from './known-templates.ts';
import { isNameTaken, nameTaken } from './name-taken.ts';
import type { CreateDeps, Order, ServeDeps } from './order.ts';
import { awaitSettled, MOST_RETAKEN, proveClaim, voidUnanswered } from './prove-claim.ts';
import { findFirstStart } from './life/autostart.ts';
import { findExcess } from './quota.ts';
import {
  judgeRequest,
  readRequest,
  type ReadTemplate,
  type Requester,
  type WantedWorkspace,
  type WorkspaceRequest,
} from './request.ts';
import { answerOfPrior, awaitPrior, isAmong, keyToAwait, readPrior } from './repeated-request.ts';
import type { CreatedWorkspace, Enlisted, Served } from './served.ts';
import { createConfirmTogether } from './confirm-together.ts';
import { createTakeTogether } from './take-together.ts';
import { hasToProve, takeAtOnce, takeWorkspace, type Taking } from './take-workspace.ts';
import { freeName } from './waiting/end-waiters.ts';
import { enlist } from './waiting/enlist.ts';
import { refusePlace } from './waiting/refuse-place.ts';
import { nothingToWaitFor } from './waiting/nothing-to-wait-for.ts';
import { serveLine } from './waiting/serve-line.ts';

/**
 * Throws what `judgeRequest` throws, QUOTA_EXCEEDED, NAME_TAKEN, POOL_EMPTY (when nothing but a prebuilt one is
 * wanted), NO_POOL (when it is to be waited for, and there is nothing to wait for), TOO_MANY_WAITERS, and
 * IDEMPOTENCY_KEY_REUSED for a key that came with another request before. A key whose waiting has ended
 * without a workspace throws why.
 */
export type CreateWorkspace = (
  requester: Requester,
  request: WorkspaceRequest,
) => Promise<CreatedWorkspace | Enlisted>;

export type CreateOptions = Pick<ServeDeps, 'proof'> &
  Partial<Pick<ServeDeps, 'waitersPerUser' | 'knownTemplates'>>;

/** One for each control plane. */
export function createWorkspaceCreator(
  given: CreateDeps & Pick<ServeDeps, 'bus'>,
  {
    proof,
    waitersPerUser = Number.POSITIVE_INFINITY,
    knownTemplates = createKnownTemplates(),
  }: CreateOptions,
): CreateWorkspace {
  const deps: ServeDeps = {
    ...given,
    ...{ knownTemplates, waitersPerUser, proof },
    takeTogether: createTakeTogether(given),
    confirmTogether: createConfirmTogether(given),
  };
  return (requester, request) => createWorkspace(deps, requester, request);
}

async function createWorkspace(
  deps: ServeDeps,
  requester: Requester,
  request: WorkspaceRequest,
): Promise<CreatedWorkspace | Enlisted> {
  if (request.autostart !== undefined) findFirstStart(request.autostart, deps.clock.now());
  let asked: Asked = {
    requester,
    request,
    bodyHash: deps.keyring.fingerprint(canonicalForm(request)),
    startedMs: deps.clock.monotonicMs(),
  };
  let hasServedLine = false;
  let unanswered: readonly TakenClaim[] = [];
  let served: Step | undefined = await takeByMemory(deps, asked);
  for (;;) {
    // Undefined: nothing was taken at once. Outdated: what it was judged by changed meanwhile, each time by
    // somebody's promotion or its like, or by the end of one that kept the name past its deadline.
    if (served !== undefined && served !== 'outdated') {
      if ('unanswered' in served) {
        unanswered = [...unanswered, served.unanswered];
        // What the next one takes is counted without the wait for this one, which its own record has.
        asked = { ...asked, startedMs: deps.clock.monotonicMs() };
      } else if ('lineOf' in served) {
        // There may be enough for those before it and for this one, too.
        const { lineOf, hasProofs } = served;
        await serveLine(deps, lineOf, { priority: hasProofs ? request.priority : undefined });
        hasServedLine = true;
      } else return served;
    }
    served = await judgeAndServe(deps, { ...asked, hasServedLine, unanswered });
  }
}

type Step = CreatedWorkspace | Enlisted | Unanswered | Behind | 'outdated';

interface Asked extends Pick<Order, 'requester' | 'request' | 'bodyHash'> {
  readonly startedMs: number;
}

/** The agents of what was taken have not answered in time. */
interface Unanswered {
  readonly unanswered: TakenClaim;
}

/** Others who wait go first: they have to be served before anything is said of this one. */
interface Behind {
  readonly lineOf: PoolId;
  /** What they are given has to be proven. */
  readonly hasProofs: boolean;
}

/**
 * Takes by what the names stood for before, which the taking checks: most claims are a single statement.
 * Where that gets nothing, or the name or the key is taken, the request is judged anew.
 */
async function takeByMemory(
  deps: ServeDeps,
  asked: Asked,
): Promise<CreatedWorkspace | Unanswered | undefined> {
  const { request } = asked;
  const template = deps.knownTemplates.recall(request);
  if (template === undefined || keyToAwait(asked) !== undefined) return undefined;
  const wanted = judgeRemembered(template, asked);
  if (wanted === undefined) return undefined;
  const order = orderOf(deps, asked, wanted);
  const taken = await takeAtOnce(deps, order).catch((error: unknown) => {
    if (!isCollision(error)) throw error;
    return undefined;
  });
  if (taken === undefined) return undefined;
  await failpoint('claim.committed');
  return prove(deps, order, hit(order, taken));
}

async function prove(
  deps: ServeDeps,
  order: Order,
  { epochToProve: epoch, ...created }: Served,
): Promise<CreatedWorkspace | Unanswered> {
  if (epoch === undefined) return created;
  const claim = { workspaceId: created.workspaceId, epoch };
  const { isRepeated: isResumed = false, ...given } = created;
  const { versionId } = order.wanted;
  const proof = await proveClaim(deps, { order, claim, versionId, isResumed });
  if (proof === 'void') return { unanswered: claim };
  // Of several that wait for its agents, whoever has taken it, one is the first to be told.
  return proof === 'by another' ? { ...given, isRepeated: true } : given;
}

function judgeRemembered(
  template: ReadTemplate,
  { requester, request }: Asked,
): WantedWorkspace | undefined {
  try {
    // Whether one is a member is asked by the taking.
    return judgeRequest({ template, isMember: true }, requester, request);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return undefined;
  }
}

async function judgeAndServe(
  deps: ServeDeps,
  asked: Asked & Omit<Serving, 'order'>,
): Promise<Step> {
  const { requester, request, bodyHash, ...serving } = asked;
  const read = await readRequest(deps.database, requester, request);
  const prior = answerOfPrior(read, asked);
  if (prior !== undefined && !isToProve(prior)) return prior;
  let wanted: WantedWorkspace;
  try {
    wanted = judgeRequest(read, requester, request);
  } catch (error) {
    return giveUp(deps, { prior, unanswered: serving.unanswered, error });
  }
  deps.knownTemplates.remember(request, read.template);
  const order = orderOf(deps, asked, wanted);
  // Another request with the same key may wait for the same agents.
  if (prior !== undefined && !isAmong(prior, serving.unanswered)) return prove(deps, order, prior);
  const served = await serve(deps, { order, ...serving }).catch(async (error: unknown) => {
    if (!isCollision(error)) throw error;
    // The same request may have been served meanwhile: its name and its key are taken by itself.
    const again = await readRequest(deps.database, requester, request);
    const same = answerOfPrior(again, asked);
    if (same !== undefined && !isAmong(same, serving.unanswered)) return same;
    const named = { userId: requester.userId, name: request.name };
    if (await freeName(deps, named)) return 'outdated';
    throw nameTaken(request.name, error);
  });
  if (served === 'outdated') return served;
  await failpoint('claim.committed');
  if ('refused' in served) throw served.refused;
  return isToProve(served) ? prove(deps, order, served) : served;
}

/**
 * Nothing more can be had for the request, for what changed since something was taken for it. Throws why, once
 * nobody has that any more: another request with the key may be given it yet.
 */
async function giveUp(
  deps: ServeDeps,
  { prior, unanswered, error }: GivenUp,
): Promise<CreatedWorkspace> {
  const former = unanswered.at(-1);
  const isOthers = prior?.epochToProve !== undefined && !isAmong(prior, unanswered);
  const claim = isOthers ? { workspaceId: prior.workspaceId, epoch: prior.epochToProve } : former;
  if (claim === undefined) throw error;
  if (isOthers) await awaitSettled(deps, claim);
  const outcome = await deps.database.transaction(async (tx) => {
    if (await voidUnanswered(deps, tx, claim)) return 'void';
    return (await findClaimOutcome.one(tx, claim)).outcome;
  });
  // In use while it was open, or failed since: it is theirs all the same.
  if (outcome === 'void') throw error;
  return { workspaceId: claim.workspaceId, claimed: true, reason: null, isRepeated: true };
}

interface GivenUp extends Pick<Serving, 'unanswered'> {
  readonly prior: Served | undefined;
  readonly error: unknown;
}

function orderOf(
  { clock }: CreateDeps,
  { requester, request, bodyHash, startedMs }: Asked,
  wanted: WantedWorkspace,
): Order {
  return { requester, request, wanted, bodyHash, resolveMs: clock.monotonicMs() - startedMs };
}

interface Serving {
  readonly order: Order;
  readonly hasServedLine: boolean;
  /** What was taken for it and did not answer. */
  readonly unanswered: readonly TakenClaim[];
}

async function serve(
  deps: ServeDeps,
  { order, hasServedLine, unanswered }: Serving,
): Promise<Served | Enlisted | Behind | Refusal | 'outdated'> {
  const { request, requester, wanted, bodyHash } = order;
  const former = unanswered.at(-1);
  if (former === undefined && keyToAwait(order) === undefined) {
    const taken = await takeAtOnce(deps, order);
    if (taken !== undefined) return hit(order, taken);
  }
  return deps.database.transaction(async (tx) => {
    // It has the name, the key and the money that the next one needs.
    if (former !== undefined && !(await voidUnanswered(deps, tx, former))) {
      // Its agents have answered another request with the key meanwhile, or its owner has found it.
      const { outcome } = await findClaimOutcome.one(tx, former);
      const { workspaceId, epoch } = former;
      const kept = { workspaceId, claimed: true, reason: null };
      if (outcome === 'taken') return { ...kept, epochToProve: epoch };
      if (outcome === 'hit') return { ...kept, isRepeated: true };
    }
    const prior = await awaitPrior(tx, order);
    if (prior !== undefined) return prior;
    if (wanted.enforcesQuota) {
      const refusal = await refuseExcess(deps, tx, order);
      if (refusal !== undefined) return refusal;
    }
    // Once more where nothing was there to take at once: one may have become ready since, and a miss
    // has to be true.
    const mayTake = unanswered.length <= MOST_RETAKEN;
    let taking: Taking = mayTake
      ? await takeWorkspace(deps, tx, order)
      : { kind: 'none', because: 'nothing' };
    if (taking.kind === 'taken') return withoutRow(hit(order, taking));
    if (!(await holdTemplate(tx, order))) return 'outdated';
    let miss = await explain(tx, order, taking.because);
    if (mayTake && miss?.isThere === true) {
      // Who it was left for has been served with another one since this looked.
      taking = await takeWorkspace(deps, tx, order);
      if (taking.kind === 'taken') return withoutRow(hit(order, taking));
      miss = await explain(tx, order, taking.because);
    }
    const poolId = wanted.preset?.poolId ?? null;
    if (miss?.isBehind === true && poolId !== null && !hasServedLine) {
      return { lineOf: poolId, hasProofs: hasToProve(order) };
    }
    if (request.onEmpty === 'wait') {
      if (taking.because !== 'nothing') {
        if (miss !== undefined) recordMissOf(deps, tx, { order, miss, made: null });
        return { refused: nothingToWaitFor(order, taking.because) };
      }
      if (miss !== undefined && poolId !== null) {
        return standInLine(deps, tx, { order, poolId, miss });
      }
    }
    if (miss !== undefined && request.onEmpty === 'fail') {
      return recordRefusal(deps, tx, { order, miss });
    }
    const workspaceId = await buildWorkspace(deps, tx, { order, miss });
    if (request.idempotencyKey !== undefined) {
      const { userId } = requester;
      recordIdempotencyKey.later(tx, {
        userId,
        key: request.idempotencyKey,
        bodyHash,
        workspaceId,
      });
    }
    return { workspaceId, claimed: false, reason: miss?.reason ?? null };
  });
}

async function standInLine(
  deps: ServeDeps,
  tx: Transaction,
  { order, poolId, miss }: { readonly order: Order; readonly poolId: PoolId; readonly miss: Miss },
): Promise<Served | Enlisted | Refusal> {
  const { userId } = order.requester;
  const refused = await refusePlace(tx, { userId, most: deps.waitersPerUser });
  if (refused === undefined) {
    return { waiterId: enlist(deps, tx, { order, poolId, missReason: miss.reason }) };
  }
  // The last place may be the one that the same request was given meanwhile.
  const prior = await readPrior(tx, order);
  if (prior !== undefined) return prior;
  recordMissOf(deps, tx, { order, miss, made: null });
  return { refused };
}

/** Whoever deprecates, deletes or promotes from here on waits for the end of this. False: it is outdated. */
async function holdTemplate(tx: Transaction, { wanted }: Order): Promise<boolean> {
  const { templateId, versionId, enforcesQuota } = wanted;
  const held = await holdActiveVersion.maybe(tx, { templateId, versionId });
  return held?.enforcesQuota === enforcesQuota;
}

/**
 * Undefined where the owner may spend what this costs. The template is held before the quota is locked: a
 * promotion waits for the one, and a pool that serves the same owner in its turn for the other.
 */
async function refuseExcess(
  deps: ServeDeps,
  tx: Transaction,
  order: Order,
): Promise<Served | Enlisted | Refusal | 'outdated' | undefined> {
  if (!(await holdTemplate(tx, order))) return 'outdated';
  const { organizationId, versionId } = order.wanted;
  const { userId } = order.requester;
  const refused = await findExcess(tx, { organizationId, userId, versionId, workspaceId: null });
  if (refused === undefined) return undefined;
  // What made it too much may be what the same request was given meanwhile.
  const prior = await readPrior(tx, order);
  if (prior !== undefined) return prior;
  const miss = explainExcess(order);
  if (miss !== undefined) recordMissOf(deps, tx, { order, miss, made: null });
  return { refused };
}

function hit(order: Order, { workspace }: TakenPrebuild): Served {
  const created = { workspaceId: workspace.id, claimed: true, reason: null, handedOver: workspace };
  return hasToProve(order) ? { ...created, epochToProve: workspace.epoch } : created;
}

/** What else its transaction writes is not in the row. */
function withoutRow({ handedOver: _, ...served }: Served): Served {
  return served;
}

function isToProve(answer: Served | Enlisted | Behind): answer is Served {
  return 'epochToProve' in answer;
}

function isCollision(error: unknown): boolean {
  return isNameTaken(error) || isUniqueViolation(error, 'idempotency_keys_pkey');
}
