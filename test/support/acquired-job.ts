// Jobs as a control plane hands them out.
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import type { AcquiredJob, JobWorkspace } from '../../src/contract/provisioner/protocol.ts';
import { sampleManifest } from './manifest.ts';

const kit = createKit(silentLog);

export type OfferedJob = Omit<AcquiredJob, 'attempt'>;

export function sampleOwner(change: Partial<JobWorkspace['owner']> = {}): JobWorkspace['owner'] {
  return {
    id: createId(kit),
    username: 'u',
    display_name: 'U',
    email: null,
    is_system: false,
    ...change,
  };
}

export function sampleWorkspace(change: Partial<JobWorkspace> = {}): JobWorkspace {
  return {
    id: createId(kit),
    name: 'w',
    organization: 'o',
    owner: sampleOwner(),
    epoch: 0,
    transition: 'start',
    stage: 'create',
    build_number: 1,
    parameters: {},
    agent_token: 'secret',
    access_url: 'http://127.0.0.1:1',
    ...change,
  };
}

export function sampleJob(change: Partial<OfferedJob> = {}): OfferedJob {
  return {
    id: createId(kit),
    type: 'workspace_build',
    driver: 'scripted',
    template: {
      name: 't',
      version_id: createId(kit),
      file_hash: '0'.repeat(64),
      manifest: sampleManifest(),
    },
    workspace: sampleWorkspace(),
    ...change,
  };
}
