// Tokens of people. Only hashes are stored; a revoked or expired one opens nothing.
import type { TokenId, UserId } from '../base/id.ts';
import { bool, instant, nullable, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { statement, takes, type Executor } from './statement.ts';
import { unseen } from './unseen.ts';

const columns = {
  id: uuid<TokenId>(),
  name: text,
  username: text,
  createdAt: instant,
  expiresAt: nullable(instant),
  lastUsedAt: nullable(instant),
} as const;

export type TokenRow = RowOf<typeof columns>;

export interface NewTokenRow {
  readonly id: TokenId;
  readonly userId: UserId;
  readonly name: string;
  readonly hash: Buffer;
  /** Null: it does not expire. */
  readonly lifetimeSeconds: number | null;
}

// How exactly last_used_at is known: a write for every request would cost more than the request.
const USE_RECORDED_EVERY = `interval '1 minute'`;

const holders = statement({
  name: 'token.find_holders',
  takes: takes<{ readonly hashes: readonly Buffer[] }>(),
  gives: {
    hash: text,
    tokenId: uuid<TokenId>(),
    userId: uuid<UserId>(),
    username: text,
    displayName: text,
    isAdmin: bool,
    useIsDue: bool,
  },
  sql: `
    -- token.find_holders: on the way of every request; two primary-key lookups behind tokens_hash_key
    select encode(t.hash, 'hex') as hash, t.id as token_id, u.id as user_id, u.username, u.display_name,
      'admin' = any (u.site_roles) as is_admin,
      t.last_used_at is null
        or t.last_used_at < (select standby_now()) - ${USE_RECORDED_EVERY} as use_is_due
    from tokens t
    join users u on u.id = t.user_id
    where t.hash = any (${unseen('$hashes::bytea[]')}::bytea[])
      and t.revoked_at is null
      and (t.expires_at is null or t.expires_at > (select standby_now()))
      and u.status = 'active'
      and not u.is_system`,
});

const recordUse = statement({
  name: 'token.record_use',
  takes: takes<{ readonly id: TokenId }>(),
  gives: {},
  sql: `
    update tokens
    set last_used_at = standby_now()
    where id = $id
      and (last_used_at is null or last_used_at < (select standby_now()) - ${USE_RECORDED_EVERY})`,
});

const insert = statement({
  name: 'token.insert',
  takes: takes<NewTokenRow>(),
  gives: columns,
  sql: `
    with clock as (select standby_now() as now), made as (
      insert into tokens (id, user_id, name, hash, created_at, expires_at)
      select $id, $userId, $name, $hash, now,
        now + make_interval(secs => $lifetimeSeconds::double precision)
      from clock
      returning id, user_id, name, created_at, expires_at, last_used_at
    )
    select made.id, made.name, u.username, made.created_at, made.expires_at, made.last_used_at
    from made
    join users u on u.id = made.user_id`,
});

const insertOnce = statement({
  name: 'token.insert_once',
  takes: takes<Omit<NewTokenRow, 'lifetimeSeconds'>>(),
  gives: {},
  sql: `
    insert into tokens (id, user_id, name, hash, created_at)
    values ($id, $userId, $name, $hash, standby_now())
    on conflict on constraint tokens_hash_key do nothing`,
});

const list = statement({
  name: 'token.list',
  takes: takes<{
    readonly userId: UserId;
    readonly before: TokenId | null;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    select t.id, t.name, u.username, t.created_at, t.expires_at, t.last_used_at
    from tokens t
    join users u on u.id = t.user_id
    where t.user_id = $userId
      and t.revoked_at is null
      and (t.expires_at is null or t.expires_at > (select standby_now()))
      ${ifGiven('and t.id < $before::uuid')}
    order by t.id desc
    limit $limit`,
});

const revoke = statement({
  name: 'token.revoke',
  takes: takes<{ readonly id: TokenId; readonly ownerId: UserId | null }>(),
  gives: {},
  sql: `
    update tokens
    set revoked_at = standby_now()
    where id = $id
      and revoked_at is null
      ${ifGiven('and user_id = $ownerId::uuid')}`,
});

export type TokenHolder = RowOf<typeof holders.columns>;

/**
 * Who may act with the tokens of these hashes, in hexadecimal digits; nobody with one that opens nothing (any
 * more).
 */
export function findTokenHolders(
  on: Executor,
  hashes: readonly string[],
): Promise<readonly TokenHolder[]> {
  return holders.all(on, { hashes: hashes.map((hash) => Buffer.from(hash, 'hex')) });
}

/** Notes that the token is in use, unless that was noted within the last minute. */
export async function recordTokenUse(on: Executor, id: TokenId): Promise<void> {
  await recordUse.run(on, { id });
}

export function insertToken(on: Executor, token: NewTokenRow): Promise<TokenRow> {
  return insert.one(on, token);
}

/** Stores a token without an end; one that is stored already stays as it is, revoked or not. */
export async function insertTokenOnce(
  on: Executor,
  token: Omit<NewTokenRow, 'lifetimeSeconds'>,
): Promise<void> {
  await insertOnce.run(on, token);
}

export interface TokenPage {
  /** The id to go on behind; null at the start. Ids of later tokens are greater. */
  readonly before: TokenId | null;
  readonly limit: number;
}

/** A user's tokens that open something, newest first. */
export function listTokens(
  on: Executor,
  userId: UserId,
  page: TokenPage,
): Promise<readonly TokenRow[]> {
  return list.all(on, { userId, ...page });
}

/** True when there was such a live token; with `ownerId` only if it is that user's. */
export async function revokeToken(
  on: Executor,
  id: TokenId,
  ownerId: UserId | null,
): Promise<boolean> {
  return (await revoke.run(on, { id, ownerId })) > 0;
}
