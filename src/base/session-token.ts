// The token of an agent's session. It names the workspace, so that what concerns that one can be listened for before
// the token has been looked up; only with its hash, which is of the whole, does the name count.
import { isUuid, type WorkspaceId } from './id.ts';
import type { Rng } from './random.ts';
import { createToken, type NewToken } from './token.ts';

const FORM = /^sbs_([0-9a-f-]{36})_/;

export function createSessionToken(rng: Pick<Rng, 'bytes'>, workspaceId: WorkspaceId): NewToken {
  return createToken(rng, `sbs_${workspaceId}`);
}

/** Undefined where it names none, as those of earlier control planes do not. Whoever made it up names what they like. */
export function workspaceOfSession(token: string): WorkspaceId | undefined {
  const [, workspaceId] = FORM.exec(token) ?? [];
  return workspaceId !== undefined && isUuid(workspaceId)
    ? (workspaceId as WorkspaceId)
    : undefined;
}
