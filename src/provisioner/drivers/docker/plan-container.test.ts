import { describe, expect, it } from 'vitest';
import { sampleWorkspace } from '../../../../test/support/acquired-job.ts';
import { dockerManifest, dockerSettings } from '../../../../test/support/docker-home.ts';
import type { Manifest } from '../../../contract/manifest/schema.ts';
import type { JobWorkspace } from '../../../contract/provisioner/protocol.ts';
import { fingerprintOf } from './plan-container.ts';

const AGENTS: Manifest['agents'] = [
  {
    name: 'main',
    startup: null,
    on_claim: null,
    startup_timeout_seconds: 60,
    on_claim_timeout_seconds: 60,
  },
];

function fingerprint(agents: Manifest['agents'], change: Partial<JobWorkspace>): string {
  const manifest = dockerManifest({}, { agents });
  const template = { name: 't', version_id: 'v', file_hash: '0', manifest };
  const workspace = { ...sampleWorkspace(), id: 'w', agent_token: 'token', ...change };
  return fingerprintOf({ jobId: 'j', attempt: 1, template, workspace }, dockerSettings());
}

describe('another container is necessary', () => {
  const moved = { access_url: 'http://192.0.2.1:7850' };

  it('when agents have to reach the control plane elsewhere', () => {
    expect(fingerprint(AGENTS, moved)).not.toBe(fingerprint(AGENTS, {}));
  });

  it('and not for an address that nobody in it knows, nor for a claim', () => {
    expect(fingerprint([], moved)).toBe(fingerprint([], {}));
    const claimed = { name: 'demo', stage: 'claim', epoch: 1 } as const;
    expect(fingerprint(AGENTS, claimed)).toBe(fingerprint(AGENTS, {}));
  });
});
