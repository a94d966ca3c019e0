// Asking for a workspace until it can be used.
import { createHash } from 'node:crypto';
import { AppError, mayPass } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { createId } from '../base/id.ts';
import type { Rng } from '../base/random.ts';
import { workspaceRoutes } from '../contract/workspace/route.ts';
import type { RouteInput } from '../contract/route.ts';
import type { WaiterView } from '../contract/waiter/schema.ts';
import type { CreateWorkspaceAnswer, WorkspaceView } from '../contract/workspace/schema.ts';
import type { Client } from './client.ts';
import { giveBackWorkspace, leaveLine } from './give-back.ts';
import { insist, patiently } from './insist.ts';
import { findOwnOrganization } from './organization.ts';
import { waitForWorkspace } from './wait-for-workspace.ts';
import { waitInLine } from './wait-in-line.ts';

type Body = RouteInput<typeof workspaceRoutes.createWorkspace>['body'];

/** As the API takes it (`POST …/workspaces`), and what the client adds. Only `template` is required. */
export interface ClaimRequest extends Omit<Body, 'name' | 'wait_seconds'> {
  /** What to call the workspace; made up from the key unless given. */
  readonly name?: string;
  /** The caller's only one, or `default`, unless given. */
  readonly organization?: string;
  /**
   * The same request with the same key within 24 hours gives the same workspace, also to another process. A new one
   * unless given, so that a request whose answer was lost can be made again.
   */
  readonly idempotency_key?: string;
}

export interface ClaimOptions {
  /** Ends the waiting: the claim throws its reason, once what it had got so far is given back. */
  readonly signal?: AbortSignal | undefined;
  /** Told while it stands in line (`position`, `eta_seconds`), before each question. */
  readonly onWaiting?: ((waiter: WaiterView) => void) | undefined;
  /** Told while the workspace is not usable yet, before each question. */
  readonly onStarting?: ((workspace: WorkspaceView) => void) | undefined;
}

/** A workspace that can be used, whether it had waited (`claimed`), and if not, why. */
export type Claim = CreateWorkspaceAnswer;

export interface ClaimDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** What a claim has got so far, for whoever has to give it back. */
export interface Gains {
  waiter?: WaiterView;
  workspaceId?: string;
}

interface Asking {
  readonly request: ClaimRequest;
  readonly gains: Gains;
}

/** Writes down in `gains` what it gets, as soon as it has it. */
export async function claimWorkspace(
  deps: ClaimDeps,
  { request, gains }: Asking,
  options: ClaimOptions,
): Promise<Claim> {
  const key = request.idempotency_key ?? createId(deps);
  try {
    return await obtain(deps, { request: { ...request, idempotency_key: key }, gains }, options);
  } catch (error) {
    throw error instanceof AppError && mayPass(error) ? traced(error, key, gains) : error;
  }
}

/** With all that leads back to what it has got, which stays as it is when nobody answers. */
function traced(error: AppError, key: string, { waiter, workspaceId }: Gains): AppError {
  const fields = {
    ...error.fields,
    idempotency_key: key,
    ...(waiter === undefined ? {} : { waiter_id: waiter.id }),
    ...(workspaceId === undefined ? {} : { workspace_id: workspaceId }),
  };
  const detail = `${error.detail}; the same request with the idempotency key ${key} goes on with it`;
  return new AppError(error.code, { detail, hint: error.hint, fields }, { cause: error });
}

async function obtain(
  deps: ClaimDeps,
  { request, gains }: Asking,
  { signal, onWaiting, onStarting }: ClaimOptions,
): Promise<Claim> {
  signal?.throwIfAborted();
  const asked = await ask(deps, request, signal);
  if (asked.status === 202) gains.waiter = asked.body.waiter;
  else gains.workspaceId = asked.body.workspace.id;
  // The request itself is not cut off: what became of it would be unknown.
  signal?.throwIfAborted();
  const claim =
    asked.status === 202
      ? await beServed(deps, { waiter: asked.body.waiter, gains }, { signal, onWaiting })
      : asked.body;
  const options = { signal, onWaiting: onStarting, untilAnswered: patiently(deps, { signal }) };
  const goal = { first: claim.workspace, wanted: 'usable' } as const;
  return { ...claim, workspace: await waitForWorkspace(deps, goal, options) };
}

export async function giveBackGains(deps: ClaimDeps, gains: Gains): Promise<void> {
  if (gains.workspaceId !== undefined) await giveBackWorkspace(deps, gains.workspaceId);
  else if (gains.waiter !== undefined) await leaveLine(deps, gains.waiter);
}

async function ask(deps: ClaimDeps, request: ClaimRequest, signal: AbortSignal | undefined) {
  const { client } = deps;
  const { idempotency_key: key = createId(deps), organization, name, ...body } = request;
  const untilAnswered = patiently(deps, { signal });
  const findOrganization = (): Promise<string> =>
    findOwnOrganization(client, 'Name one as `organization`.', { signal });
  const params = { organization: organization ?? (await untilAnswered(findOrganization)) };
  const create = () =>
    client.call(workspaceRoutes.createWorkspace, {
      params,
      headers: { 'idempotency-key': key },
      body: { ...body, name: name ?? nameAfter(key) },
    });
  try {
    return await untilAnswered(create);
  } catch (error) {
    if (signal?.aborted !== true || error !== signal.reason) throw error;
    // Nobody has answered so far, and what would be there to be given back is unknown: a little longer.
    return insist(deps, undefined, create);
  }
}

async function beServed(
  deps: ClaimDeps,
  { waiter, gains }: { readonly waiter: WaiterView; readonly gains: Gains },
  options: Pick<ClaimOptions, 'signal' | 'onWaiting'>,
): Promise<Claim> {
  const { client } = deps;
  const { signal } = options;
  gains.workspaceId = await waitInLine(deps, waiter, options);
  const params = { workspace: gains.workspaceId };
  const untilAnswered = patiently(deps, { signal });
  const { body } = await untilAnswered(() =>
    client.call(workspaceRoutes.getWorkspace, { params, query: {} }, { signal }),
  );
  return { workspace: body, claimed: true, reason: null };
}

/** The same for the same key: a request that is made again has to be the same. */
function nameAfter(key: string): string {
  return `claim-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
}
