// Test sizes as projects (docs/adr/0008): `vitest run --project small`, and so on. The groups run
// one after the other, so that tests that start databases and processes have the machine alone.
import { defineConfig } from 'vitest/config';
import { PATIENCE_MS, TEST_TIMEOUT_MS } from './test/support/patience.ts';

const patient = {
  expect: { poll: { timeout: PATIENCE_MS } },
  testTimeout: TEST_TIMEOUT_MS,
  hookTimeout: TEST_TIMEOUT_MS,
};

export default defineConfig({
  test: {
    allowOnly: false,
    retry: 0,
    projects: [
      {
        test: {
          ...patient,
          name: 'small',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['src/**/*.test.ts'],
          pool: 'threads',
          maxWorkers: 2,
          // Small tests are pure by rule, so they share a worker: a tenth of the start-up cost.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...patient,
          name: 'guards',
          include: ['test/**/*.test.ts'],
          exclude: ['test/db/**', 'test/process/**', 'test/conformance/**'],
          pool: 'threads',
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...patient,
          name: 'db',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['test/db/**/*.test.ts'],
          globalSetup: ['test/support/postgres-server.ts'],
          pool: 'forks',
          // Some wait: for a lock, for somebody's timeout.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...patient,
          name: 'process',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['test/process/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          globalSetup: ['test/support/postgres-server.ts', 'test/support/sweep-groups.ts'],
          // An engine that runs on this machine is none of the tests': they start their own.
          env: { STANDBY_DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
          pool: 'forks',
          // Each starts whole control planes, daemons and workspaces, and waits for them most of the time.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
