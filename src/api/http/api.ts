// The routes of some handlers as one application, which answers without a socket too.
import { Hono } from 'hono';
import { AppError } from '../../base/app-error.ts';
import { escapeInvisible } from '../../base/excerpt.ts';
import type { Kit } from '../../base/kit.ts';
import type { Audience, Route } from '../../contract/route.ts';
import { routes, type RouteId } from '../../contract/routes.ts';
import type { Handlers } from '../handler.ts';
import type { Authenticators } from './authenticate.ts';
import { createEndpoint, type AnyHandler } from './endpoint.ts';
import { createEventStreams, type EventStreamsOptions } from './event-streams.ts';
import { createExchange, type HttpEnv } from './exchange.ts';
import { createLiveRequests, type LiveRequests } from './live-request.ts';

export interface ApiDeps<Id extends RouteId> {
  /** The routes to serve; a control plane gives all of them. */
  readonly handlers: Handlers<Id>;
  readonly authenticators: Authenticators;
  readonly eventStreams: EventStreamsOptions;
}

/** Called every few seconds for as long as there is a server. */
const POLLED: ReadonlySet<Audience> = new Set<Audience>(['anyone', 'metrics']);

export interface Api {
  readonly app: Hono<HttpEnv>;
  readonly requests: LiveRequests;
}

export function createApi<Id extends RouteId>(kit: Kit, deps: ApiDeps<Id>): Api {
  const app = new Hono<HttpEnv>();
  const requests = createLiveRequests();
  const eventStreams = createEventStreams(kit.clock, deps.eventStreams);
  const { authenticators } = deps;
  const methodsByPath = new Map<string, string[]>();

  for (const id of Object.keys(deps.handlers) as Id[]) {
    const route: Route = routes[id];
    const handler = deps.handlers[id] as unknown as AnyHandler;
    const path = route.path.replace(/\{(\w+)\}/g, ':$1');
    const endpoint = createEndpoint(
      { clock: kit.clock, authenticators, eventStreams },
      route,
      handler,
    );
    const options = { route: id, quiet: POLLED.has(route.audience) };
    app.on(route.method.toUpperCase(), path, createExchange({ kit, requests }, options, endpoint));
    methodsByPath.set(path, [...(methodsByPath.get(path) ?? []), route.method.toUpperCase()]);
  }

  for (const [path, methods] of methodsByPath) {
    const refuse = createExchange({ kit, requests }, { route: 'wrong_method' }, async (c) => {
      throw new AppError('METHOD_NOT_ALLOWED', {
        detail: `${escapeInvisible(c.req.path)} does not know ${c.req.method}`,
        fields: { allow: methods.join(', ') },
      });
    });
    app.all(path, refuse);
  }
  app.notFound(
    createExchange({ kit, requests }, { route: 'unknown' }, async (c) => {
      throw new AppError('NOT_FOUND', {
        detail: `there is no ${c.req.method} ${escapeInvisible(c.req.path)}`,
        hint: 'See /openapi.json for what there is.',
      });
    }),
  );
  return { app, requests };
}
