// How long tests wait for something to become true. That is no assertion about time: what never comes
// true costs it once, and a machine with more work than cores takes many times as long as an idle one.

export const PATIENCE_MS = 90_000;

/** Of a whole test, so that what it waited for is told, and not only that it took too long. */
export const TEST_TIMEOUT_MS = 120_000;
