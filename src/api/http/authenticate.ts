// From the Authorization header to the caller that a route's audience calls for.
import { AppError } from '../../base/app-error.ts';
import type { Audience } from '../../contract/route.ts';
import type { CallerFor } from '../handler.ts';

type Known = Exclude<Audience, 'anyone'>;

/** Who holds a token, or undefined when it opens nothing (any more). One for each audience. */
export type Authenticators = {
  readonly [A in Known]: (token: string) => Promise<CallerFor<A> | undefined>;
};

/** What the tokens of an audience begin with; another one is refused without looking it up. */
const EXPECTED: {
  readonly [A in Known]: {
    readonly prefixes: readonly string[];
    readonly what: string;
    /** What to do about a refusal, where that is not what people do. */
    readonly hint?: string;
  };
} = {
  person: { prefixes: ['sbt_'], what: "a person's token" },
  provisioner: {
    prefixes: ['sbp_'],
    what: 'a provisioner key',
    hint: 'Make a key with `standby provisioner key create`, and start the daemon with it.',
  },
  agent_bootstrap: { prefixes: ['sba_'], what: "a workspace's bootstrap token" },
  agent: { prefixes: ['sbs_'], what: "an agent's session" },
  metrics: {
    prefixes: ['sbm_', 'sbt_'],
    what: "the metrics token or an administrator's token",
    hint: 'The metrics token is in metrics.token in the data folder, or in the file that STANDBY_METRICS_TOKEN_FILE names.',
  },
};

const BEARER = /^bearer +([\w.~+/=-]{1,512}) *$/i;

/** Throws UNAUTHENTICATED unless `header` shows a token that the audience may use. */
export function createAuthenticate(
  authenticators: Authenticators,
  audience: Audience,
): (header: string | undefined) => Promise<CallerFor<Audience> | undefined> {
  if (audience === 'anyone') return () => Promise.resolve(null);
  const { prefixes, what, hint } = EXPECTED[audience];
  const find = authenticators[audience];
  const refuse = (detail: string): AppError =>
    new AppError('UNAUTHENTICATED', hint === undefined ? detail : { detail, hint });

  return async (header) => {
    if (header === undefined) throw refuse(`this call needs ${what}`);
    const token = BEARER.exec(header)?.[1];
    if (token === undefined) throw refuse('the Authorization header is not "Bearer" and a token');
    if (!prefixes.some((prefix) => token.startsWith(prefix))) {
      throw refuse(`this call needs ${what}, which begins with ${prefixes.join(' or ')}`);
    }
    const caller = await find(token);
    if (caller !== undefined) return caller;
    throw refuse(`the token that was sent is not ${what}, or was revoked, or has expired`);
  };
}
