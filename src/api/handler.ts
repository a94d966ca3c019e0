// What a route's handler is: parsed request and known caller in, answer out. It knows no HTTP.
import type { OrganizationId, ProvisionerKeyId, TokenId, UserId, WorkspaceId } from '../base/id.ts';
import type { Audience, Route, RouteAnswer, RouteRequest } from '../contract/route.ts';
import type { RouteId, Routes } from '../contract/routes.ts';

export interface PersonCaller {
  readonly userId: UserId;
  readonly username: string;
  readonly displayName: string;
  readonly isAdmin: boolean;
  readonly tokenId: TokenId;
}

export interface ProvisionerCaller {
  readonly keyId: ProvisionerKeyId;
  /** Null: the key serves every organization. */
  readonly organizationId: OrganizationId | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** Holds a workspace's bootstrap token, which is good for an exchange and nothing else. */
export interface AgentBootstrapCaller {
  readonly workspaceId: WorkspaceId;
}

/** Shows what may be the live session of one of the workspace's agents. Whether it is, and whose, handlers find out. */
export interface AgentCaller {
  /** Of the token, in hexadecimal. */
  readonly hash: string;
  readonly workspaceId: WorkspaceId;
}

/** Scrapes the metrics; nothing more is known of it. */
export interface MetricsCaller {
  readonly audience: 'metrics';
}

interface CallerByAudience {
  readonly anyone: null;
  readonly person: PersonCaller;
  readonly provisioner: ProvisionerCaller;
  readonly agent_bootstrap: AgentBootstrapCaller;
  readonly agent: AgentCaller;
  readonly metrics: MetricsCaller;
}

export type CallerFor<A extends Audience> = CallerByAudience[A];

export type HandlerRequest<R extends Route> = RouteRequest<R> & {
  readonly caller: CallerFor<R['audience']>;
  /** Aborted when the caller hangs up or the server stops. */
  readonly signal: AbortSignal;
};

export type Handler<R extends Route> = (request: HandlerRequest<R>) => Promise<RouteAnswer<R>>;

/** The handlers of some routes; all parts together must make the whole table. */
export type Handlers<Id extends RouteId = RouteId> = {
  readonly [K in Id]: Handler<Routes[K]>;
};
