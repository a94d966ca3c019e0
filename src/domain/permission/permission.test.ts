import { describe, expect, it } from 'vitest';
import type { UserId } from '../../base/id.ts';
import { isAllowed, requireAllowed, type Action } from './permission.ts';

const me = 'me' as UserId;
const other = 'other' as UserId;
const person = { userId: me, isAdmin: false };
const admin = { userId: me, isAdmin: true };

const ADMIN_ONLY: readonly Action[] = [
  'organization.create',
  'member.add',
  'user.create',
  'user.list',
  'key.list',
  'key.rotate',
  'provisioner_key.create',
  'provisioner_key.list',
  'provisioner_key.revoke',
  'template.push',
  'template.promote',
  'job.cancel_end_of_life',
  'prebuilt_workspace.delete',
];

describe('permission', () => {
  it.each(ADMIN_ONLY)('%s is for administrators alone', (action) => {
    expect(isAllowed(admin, action)).toBe(true);
    expect(isAllowed(person, action, { isMember: true, ownerId: me })).toBe(false);
  });

  it.each(['organization.read', 'template.read'] as const)('%s is for members', (action) => {
    expect(isAllowed(person, action, { isMember: true })).toBe(true);
    expect(isAllowed(person, action, { isMember: false })).toBe(false);
    expect(isAllowed(person, action)).toBe(false);
    expect(isAllowed(admin, action)).toBe(true);
  });

  it.each(['token.create', 'token.revoke'] as const)('%s is for the owner', (action) => {
    expect(isAllowed(person, action, { ownerId: me })).toBe(true);
    expect(isAllowed(person, action, { ownerId: other, isMember: true })).toBe(false);
    expect(isAllowed(person, action)).toBe(false);
    expect(isAllowed(admin, action, { ownerId: other })).toBe(true);
  });

  it('says what is needed', () => {
    expect(() => requireAllowed(person, 'user.create')).toThrow(
      'FORBIDDEN: you may not do this: user.create needs an administrator',
    );
    expect(() => requireAllowed(admin, 'user.create')).not.toThrow();
  });
});
