// A complete manifest of the null driver, to be changed where a test needs it.
import type { Manifest } from '../../src/contract/manifest/schema.ts';

export function sampleManifest(change: Partial<Manifest> = {}): Manifest {
  return {
    name: 'sample',
    description: '',
    driver: 'null',
    parameters: [],
    presets: [],
    claim: 'apply',
    rehearsal: 'off',
    ready: null,
    agents: [],
    agent_timeout_seconds: 60,
    unready_grace_seconds: 600,
    failed_retention_seconds: 86_400,
    life: {
      ttl_seconds: null,
      max_lifetime_seconds: null,
      idle_stop_seconds: null,
      dormant_after_seconds: null,
      delete_dormant_after_seconds: null,
    },
    cost: null,
    tags: {},
    terraform: null,
    docker: null,
    process: null,
    null: { start_seconds: 0, start_error: null },
    ...change,
  };
}
