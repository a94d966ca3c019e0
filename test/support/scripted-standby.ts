// The client that programs use, with a server whose answers are given one by one.
import { createStandby, type Standby } from '../../src/client/standby.ts';

export const ID = '00000000-0000-7000-8000-00000000000a';
const AT = '2026-01-01T00:00:00.000Z';

export const workspace = (more: object = {}): object => ({
  ...{ id: ID, organization: 'o', owner: 'ann', template: 't', name: 'w', origin: 'prebuild' },
  ...{ epoch: 1, status: 'running', usable: true, agents: [], outputs: {}, strays: 0 },
  ...{ parameters: {}, sensitive_parameters: [], created_at: AT, updated_at: AT },
  ...{ last_used_at: AT, ttl_seconds: null, deadline_at: null, lifetime_ends_at: null },
  ...{ idle_stop_seconds: null, dormant_at: null, dormant_until: null, autostart: null },
  automatic_updates: 'never',
  latest_build: {
    ...{ id: ID, number: 1, transition: 'start', stage: 'claim', reason: 'claim', version: 'v1' },
    ...{ preset: null, initiator: 'ann', job_id: ID, status: 'running', error: null },
    ...{ error_code: null, replaced: [], created_at: AT },
  },
  ...more,
});
export const waiter = (more: object = {}): object => ({
  ...{ id: ID, organization: 'o', owner: 'ann', template: 't', preset: 'p', name: 'w' },
  ...{ priority: 0, state: 'waiting', position: 1, eta_seconds: null, eta_reason: null },
  ...{ workspace_id: null, error_code: null, error: null },
  ...{ created_at: AT, deadline_at: '2026-01-01T01:00:00.000Z', ended_at: null },
  ...more,
});

export type Answer = () => Response;
export const json =
  (body: object, status = 200): Answer =>
  () =>
    Response.json(body, { status });
export const problem = (code: string, status: number): Answer =>
  json({ type: 'urn:x', title: 'X', status, code, detail: 'd', hint: 'h' }, status);
export const lost: Answer = () => {
  throw new TypeError('fetch failed');
};
const pageOfProxy: Answer = () => new Response('<html>Bad Gateway</html>', { status: 502 });
/** What is asked meanwhile gets no answer for much longer than a restart takes. */
export const AWAY = [
  ['nobody answers', Array<Answer>(20).fill(lost)],
  ['its proxy says that it is away', Array<Answer>(20).fill(pageOfProxy)],
] as const;
export const claimed = json({ workspace: workspace(), claimed: true, reason: null }, 201);
export const inLine = json(
  { waiter: waiter(), position: 1, eta_seconds: null, eta_reason: null },
  202,
);
export const deleted = json(workspace({ status: 'deleting', usable: false }), 202);

export const me = json({
  user: {
    ...{ id: ID, username: 'ann', display_name: '', email: null, status: 'active', site_roles: [] },
    created_at: AT,
  },
  organizations: [{ id: ID, name: 'o', display_name: '', created_at: AT }],
});

/** A client whose requests get these answers, in order. */
export function scripted(...answers: readonly Answer[]): {
  readonly standby: Standby;
  readonly sent: { readonly what: string; readonly init: RequestInit }[];
  readonly what: () => readonly string[];
} {
  const left = [...answers];
  let nowMs = 0;
  const sent: { readonly what: string; readonly init: RequestInit }[] = [];
  const standby = createStandby({
    url: 'http://host:1',
    clock: {
      now: () => 0,
      monotonicMs: () => nowMs,
      // Pauses take their time; the limits of calls are longer.
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        if (ms <= 5_000) nowMs += ms;
      },
    },
    fetch: async (url, init) => {
      const what = `${init.method} ${url.replace('http://host:1/api/v1/', '').replaceAll(ID, 'ID')}`;
      sent.push({ what, init });
      init.signal?.throwIfAborted();
      const next = left.shift();
      if (next === undefined) throw new Error(`nobody expected ${what}`);
      return next();
    },
  });
  return { standby, sent, what: () => sent.map(({ what }) => what) };
}
