// vitest's global setup of the projects that meet a database: one PostgreSQL per run, and in it a
// migrated template that each test file clones (postgres.ts). STANDBY_TEST_PG_BIN_DIR names the
// programs of another PostgreSQL to run everything on.
import type { TestProject } from 'vitest/node';
import { startTestServer, type RunningTestServer } from './test-server.ts';

/** Several projects of one run share the server; each has this module to itself. */
const shared = globalThis as { standbyTestServer?: Promise<RunningTestServer> | undefined };

export async function setup(project: TestProject): Promise<void> {
  shared.standbyTestServer ??= startTestServer();
  const { connection } = await shared.standbyTestServer;
  project.provide('postgres', { connection });
}

export async function teardown(): Promise<void> {
  const server = shared.standbyTestServer;
  shared.standbyTestServer = undefined;
  await (await server)?.stop();
}
