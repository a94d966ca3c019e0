import { describe, expect, it } from 'vitest';
import { createBootstrapTokens } from './bootstrap-token.ts';
import type { WorkspaceId } from './id.ts';

const workspaceId = '0199b2a4-7c3e-7abc-8def-0123456789ab' as WorkspaceId;
const other = '0199b2a4-7c3e-7abc-8def-0123456789ac' as WorkspaceId;
const tokens = createBootstrapTokens(Buffer.alloc(32, 1));

describe('bootstrap tokens', () => {
  it('are the same for a workspace every time and name it again', () => {
    const token = tokens.issue(workspaceId);
    expect(tokens.issue(workspaceId)).toBe(token);
    expect(tokens.verify(token)).toBe(workspaceId);
  });

  it('differ between workspaces and between installations', () => {
    expect(tokens.issue(other)).not.toBe(tokens.issue(workspaceId));
    const elsewhere = createBootstrapTokens(Buffer.alloc(32, 2));
    expect(elsewhere.verify(tokens.issue(workspaceId))).toBeUndefined();
  });

  it('cannot be moved to another workspace or altered', () => {
    const token = tokens.issue(workspaceId);
    expect(tokens.verify(token.replace(workspaceId, other))).toBeUndefined();
    expect(tokens.verify(token.slice(0, -1))).toBeUndefined();
    expect(tokens.verify(`${token}x`)).toBeUndefined();
    expect(tokens.verify('')).toBeUndefined();
    expect(tokens.verify(`sba_${'-'.repeat(36)}_${'A'.repeat(43)}`)).toBeUndefined();
  });
});
