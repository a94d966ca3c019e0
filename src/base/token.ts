// Secrets that callers show: 256 random bits behind a prefix that says what they open. Only the
// SHA-256 is ever stored; with that many random bits a slow hash would add nothing.
import { createHash } from 'node:crypto';
import type { WorkspaceId } from './id.ts';
import type { Rng } from './random.ts';

/** What a secret opens: a person's API, the provisioner API, an agent's session, the metrics. */
export type TokenPrefix = 'sbt' | 'sbp' | `sbs_${WorkspaceId}` | 'sbm';

export interface NewToken {
  /** To be shown once. */
  readonly secret: string;
  readonly hash: Buffer;
}

export function createToken(rng: Pick<Rng, 'bytes'>, prefix: TokenPrefix): NewToken {
  const secret = `${prefix}_${Buffer.from(rng.bytes(32)).toString('base64url')}`;
  return { secret, hash: hashToken(secret) };
}

export function hashToken(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
