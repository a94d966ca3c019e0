// Every check there is. Invariants are never broken; symptoms may show for a while.
import { POOL_INVARIANTS } from './pool-invariant.ts';
import { SYMPTOMS } from './symptom.ts';
import { WORKSPACE_INVARIANTS } from './workspace-invariant.ts';

export const INVARIANTS = [...WORKSPACE_INVARIANTS, ...POOL_INVARIANTS];
export const CHECKS = [...INVARIANTS, ...SYMPTOMS];
