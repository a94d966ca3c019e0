// A workspace's bootstrap token: constant for its life, and good only for an exchange. It is derived
// from the installation's secret rather than stored, so that later builds can be given the same one
// and a dump of the database opens nothing.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isUuid, type WorkspaceId } from './id.ts';

export interface BootstrapTokens {
  issue(workspaceId: WorkspaceId): string;
  /** The workspace the token belongs to, or undefined when it was not issued here. */
  verify(token: string): WorkspaceId | undefined;
}

const FORM = /^sba_([0-9a-f-]{36})_([A-Za-z0-9_-]{43})$/;

export function createBootstrapTokens(secretKey: Uint8Array): BootstrapTokens {
  const sign = (workspaceId: string): string =>
    createHmac('sha256', secretKey).update(`agent bootstrap ${workspaceId}`).digest('base64url');
  return {
    issue: (workspaceId) => `sba_${workspaceId}_${sign(workspaceId)}`,
    verify: (token) => {
      const [, workspaceId, signature] = FORM.exec(token) ?? [];
      if (workspaceId === undefined || signature === undefined || !isUuid(workspaceId)) {
        return undefined;
      }
      const expected = Buffer.from(sign(workspaceId));
      const given = Buffer.from(signature);
      return timingSafeEqual(expected, given) ? (workspaceId as WorkspaceId) : undefined;
    },
  };
}
