// Test sizes as projects (docs/adr/0008): `vitest run --project small`, and so on. The groups run
// one after the other, so that tests that start databases and processes have the machine alone.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    allowOnly: false,
    retry: 0,
    projects: [
      {
        test: {
          name: 'small',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['src/**/*.test.ts'],
          pool: 'threads',
          maxWorkers: 2,
          // Small tests are pure by rule, so they share a worker: a tenth of the start-up cost.
          isolate: false,
          // None takes long; a machine with more work than cores may keep one waiting.
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'guards',
          include: ['test/**/*.test.ts'],
          exclude: ['test/db/**', 'test/process/**', 'test/conformance/**'],
          pool: 'threads',
          maxWorkers: 2,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'db',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['test/db/**/*.test.ts'],
          globalSetup: ['test/support/postgres-server.ts'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 20_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'process',
          setupFiles: ['test/support/watch-transactions.ts'],
          include: ['test/process/**/*.test.ts', 'test/conformance/**/*.test.ts'],
          globalSetup: ['test/support/postgres-server.ts'],
          // An engine that runs on this machine is none of the tests': they start their own.
          env: { STANDBY_DOCKER_HOST: 'unix:///nonexistent/docker.sock' },
          pool: 'forks',
          // One file at a time: each starts whole control planes, daemons and workspaces.
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
