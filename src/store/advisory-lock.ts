// The numbers of the advisory locks that Standby takes. One database may be shared, so they begin
// alike, with something that nobody else is likely to use; two purposes with one number would wait
// for each other, or deadlock.

/** Held by whoever migrates the schema. */
export const MIGRATION_LOCK = 7_283_001;

/**
 * Shared by every transaction that acts for a pool, exclusive for the one that changes the pause, so
 * that no pool write follows once a pause was answered. Taken after the pool's row, held to the end
 * of the transaction.
 */
export const PAUSE_LOCK = 7_283_002;

// First halves: the other half is the hash of what takes turns.

/** Of an organization's budget of creations; the other half is the id's hash. */
export const BUDGET_LOCK = 7_283_003;

/** Of a person's idempotency key; the other half is the hash of both. */
export const KEY_LOCK = 7_283_004;

/** Of an organization's running creations; the other half is the id's hash. */
export const CREATIONS_LOCK = 7_283_005;

// 7_283_006 is that of a person's name for a workspace, which the triggers of migration 0019 take.

/** Of a person's places in line; the other half is the id's hash. Taken after the quota, before the key. */
export const PLACES_LOCK = 7_283_008;

/**
 * Of what a user spends in an organization; a seed of the 64 bits that the two ids are hashed to, so that no
 * two users ever wait for each other. Taken after the pool's row or the workspace's, before prebuilds are
 * picked; several in the order of their ids.
 */
export const QUOTA_LOCK = 7_283_007;
